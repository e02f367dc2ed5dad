"""What an EnvStore promises."""

import asyncio

import pytest

from deployd.domain.env import Environment, EnvLayer, EnvValue
from deployd.domain.errors import NotFound, StateConflict
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.ports.stores import Stores
from tests.contracts.samples import BLOG, PLAN, SHOP, an_app


@pytest.fixture(autouse=True)
async def apps(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))


def plain(**values: str) -> dict[str, EnvValue]:
    return {key: EnvValue(value=Secret(text), secret=False) for key, text in values.items()}


async def test_an_app_without_env_has_the_empty_version_0(stores: Stores) -> None:
    assert await stores.envs.read(SHOP) == Environment(version=0, values={})
    assert await stores.envs.read(SHOP, 0) == Environment(version=0, values={})
    assert await stores.envs.layer(SHOP, EnvLayer.SET) == {}


async def test_values_come_back_with_their_secrecy(stores: Stores) -> None:
    values = {
        "TOKEN": EnvValue(value=Secret("Ünïcode\n= ' \" \t"), secret=True),
        "EMPTY": EnvValue(value=Secret(""), secret=False),
    }
    written = await stores.envs.write(SHOP, EnvLayer.SET, values, 1)
    assert written == await stores.envs.read(SHOP) == Environment(version=1, values=values)


async def test_every_version_can_still_be_read(stores: Stores) -> None:
    for text in ("one", "two", "three"):
        await stores.envs.write(SHOP, EnvLayer.SET, plain(A=text), 1)
    assert [(await stores.envs.read(SHOP, number)).plain() for number in (1, 2, 3)] == [
        {"A": "one"},
        {"A": "two"},
        {"A": "three"},
    ]


async def test_what_was_set_wins_over_the_file_and_each_layer_is_replaced_whole(stores: Stores) -> None:
    await stores.envs.write(SHOP, EnvLayer.SET, plain(A="set"), 1)
    both = await stores.envs.write(SHOP, EnvLayer.FILE, plain(A="file", B="file"), 1)
    assert both.plain() == {"A": "set", "B": "file"}
    without = await stores.envs.write(SHOP, EnvLayer.SET, {}, 1)
    assert without.plain() == {"A": "file", "B": "file"}
    assert await stores.envs.layer(SHOP, EnvLayer.FILE) == plain(A="file", B="file")
    assert await stores.envs.layer(SHOP, EnvLayer.SET) == {}


async def test_writing_the_same_again_makes_no_version(stores: Stores) -> None:
    await stores.envs.write(SHOP, EnvLayer.FILE, plain(A="1"), 1)
    assert (await stores.envs.write(SHOP, EnvLayer.FILE, plain(A="1"), 2)).version == 1
    assert (await stores.envs.write(SHOP, EnvLayer.SET, {}, 3)).version == 1


async def test_changing_only_the_secrecy_of_a_value_makes_a_version(stores: Stores) -> None:
    await stores.envs.write(SHOP, EnvLayer.FILE, plain(A="1"), 1)
    secret = {"A": EnvValue(value=Secret("1"), secret=True)}
    assert await stores.envs.write(SHOP, EnvLayer.FILE, secret, 2) == Environment(version=2, values=secret)


async def test_writers_of_both_layers_at_once_lose_nothing(stores: Stores) -> None:
    async with asyncio.TaskGroup() as group:
        for layer in EnvLayer:
            group.create_task(stores.envs.write(SHOP, layer, plain(**{layer.name: "there"}), 1))
    assert await stores.envs.read(SHOP) == Environment(version=2, values=plain(FILE="there", SET="there"))


async def test_apps_do_not_see_each_others_env(stores: Stores) -> None:
    await stores.envs.write(SHOP, EnvLayer.SET, plain(A="shop"), 1)
    assert (await stores.envs.read(BLOG)).plain() == {}


async def test_a_version_that_was_never_made_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound, match="'shop' has no env version 7"):
        await stores.envs.read(SHOP, 7)


async def test_env_of_a_removed_app_is_a_conflict(stores: Stores) -> None:
    with pytest.raises(StateConflict):
        await stores.envs.write(AppName("gone"), EnvLayer.SET, plain(A="1"), 1)


async def test_trimming_keeps_the_newest_and_what_kept_releases_have(stores: Stores) -> None:
    for text in ("one", "two", "three", "four", "five"):
        await stores.envs.write(SHOP, EnvLayer.SET, plain(A=text), 1)
    await stores.envs.write(BLOG, EnvLayer.SET, plain(A="other"), 1)
    await stores.releases.add(SHOP, "a" * 64, "c" * 40, "Kept", PLAN, 2, 1)
    await stores.envs.trim(SHOP, 2)
    for number in (2, 4, 5):
        assert (await stores.envs.read(SHOP, number)).version == number
    for number in (1, 3):
        with pytest.raises(NotFound):
            await stores.envs.read(SHOP, number)
    assert (await stores.envs.read(BLOG)).version == 1
