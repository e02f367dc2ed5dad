"""What an InstanceStore promises."""

import msgspec
import pytest

from deployd.domain.errors import NotFound, StateConflict
from deployd.domain.instance import InstanceState
from deployd.ports.stores import Stores
from tests.contracts.samples import BLOG, SHOP, an_app, an_instance


@pytest.fixture(autouse=True)
async def apps(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))


async def test_an_instance_comes_back_as_it_was_put(stores: Stores) -> None:
    bare = an_instance()
    await stores.instances.put(bare)
    assert await stores.instances.get(bare.id) == bare


async def test_putting_again_replaces_every_field(stores: Stores) -> None:
    await stores.instances.put(an_instance())
    running = an_instance(
        app=BLOG,
        release=2,
        deployment="dep-2",
        process="worker.3",
        state=InstanceState.RUNNING,
        created_ms=3_000,
        pid=4_194_304,
        pid_started=2**40,
        port=65_535,
        restarts=3,
    )
    await stores.instances.put(running)
    assert await stores.instances.all() == [running]


async def test_instances_are_listed_by_app(stores: Stores) -> None:
    rows = [an_instance(1), an_instance(2, app=BLOG), an_instance(3, created_ms=500)]
    for row in rows:
        await stores.instances.put(row)
    assert await stores.instances.of_app(SHOP) == [rows[2], rows[0]]
    assert await stores.instances.all() == [rows[1], rows[2], rows[0]]


async def test_a_removed_instance_is_not_found_and_removing_it_again_is_harmless(stores: Stores) -> None:
    row = an_instance()
    await stores.instances.put(row)
    await stores.instances.remove(row.id)
    await stores.instances.remove(row.id)
    with pytest.raises(NotFound, match="no instance 'ins-1'"):
        await stores.instances.get(row.id)


async def test_an_instance_of_a_removed_app_is_a_conflict(stores: Stores) -> None:
    with pytest.raises(StateConflict):
        await stores.instances.put(msgspec.structs.replace(an_instance(), app="gone"))
