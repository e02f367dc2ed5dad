"""What a ReleaseStore promises."""

import asyncio

import pytest

from deployd.domain.build import BuildPlan, Tool
from deployd.domain.errors import NotFound, StateConflict
from deployd.domain.ids import AppName
from deployd.domain.release import Release
from deployd.ports.stores import Stores
from tests.contracts.samples import BLOG, PLAN, SHOP, an_app


@pytest.fixture(autouse=True)
async def apps(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))


async def add(stores: Stores, app: AppName = SHOP, artifact: str = "digest", plan: BuildPlan = PLAN) -> Release:
    return await stores.releases.add(app, artifact, "0123abc", "Sell more", plan, 4, 2_000)


async def test_a_release_comes_back_as_it_was_added(stores: Stores) -> None:
    added = await add(stores)
    assert added == await stores.releases.get(SHOP, 1)
    assert added == Release(
        app=SHOP,
        number=1,
        artifact="digest",
        commit="0123abc",
        commit_message="Sell more",
        plan=PLAN,
        env_version=4,
        created_ms=2_000,
    )


async def test_each_app_counts_its_own_releases(stores: Stores) -> None:
    assert [(await add(stores, app)).number for app in (SHOP, SHOP, BLOG, SHOP)] == [1, 2, 1, 3]


async def test_releases_added_at_once_get_different_numbers(stores: Stores) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(add(stores)) for _ in range(12)]
    assert sorted(task.result().number for task in tasks) == list(range(1, 13))


async def test_the_number_of_a_removed_release_is_not_used_again(stores: Stores) -> None:
    await add(stores)
    await add(stores)
    await stores.releases.remove(SHOP, 2)
    assert (await add(stores)).number == 3


async def test_releases_come_newest_first(stores: Stores) -> None:
    for app in (SHOP, SHOP, BLOG, SHOP):
        await add(stores, app)
    assert [release.number for release in await stores.releases.of_app(SHOP)] == [3, 2, 1]


async def test_a_removed_release_is_not_found(stores: Stores) -> None:
    await add(stores)
    await stores.releases.remove(SHOP, 1)
    with pytest.raises(NotFound, match="'shop' has no release v1"):
        await stores.releases.get(SHOP, 1)


@pytest.mark.parametrize("number", [-1, 0, 2**31, 2**63, 10**30])
async def test_a_number_that_no_release_can_have_is_not_there_either(stores: Stores, number: int) -> None:
    with pytest.raises(NotFound, match=f"no release v{number}"):
        await stores.releases.get(SHOP, number)


async def test_artifacts_are_those_some_release_needs(stores: Stores) -> None:
    for app, artifact in ((SHOP, "a"), (SHOP, "b"), (BLOG, "b"), (BLOG, "c")):
        await add(stores, app, artifact)
    await stores.releases.remove(SHOP, 2)
    await stores.releases.remove(BLOG, 2)
    assert await stores.releases.artifacts() == {"a", "b"}


async def test_a_release_of_a_removed_app_is_a_conflict(stores: Stores) -> None:
    with pytest.raises(StateConflict, match="'gone' was removed"):
        await add(stores, AppName("gone"))


async def test_tools_are_those_some_release_runs_with(stores: Stores) -> None:
    node = Tool(name="node", version="22.11.0", place="node/22.11.0/bin")
    older = Tool(name="node", version="20.1.0", place="node/20.1.0/bin")
    for app, tool in ((SHOP, node), (BLOG, node), (BLOG, older)):
        await add(stores, app, plan=BuildPlan(builder="node", why="a test", tools=(tool,)))
    await stores.releases.remove(BLOG, 2)
    assert await stores.releases.tools() == {node}
