"""An instance that ends by itself is told and started again, whatever stands in the way at that moment."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from deployd.domain.event import Event, EventType
from deployd.domain.instance import Instance
from tests.actors.deploy.frail_house import SHOP, House, processes_below

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Release 1 of the shop is live."""
    house = House(tmp_path, watch_seconds=0)
    async with AsyncExitStack() as stack:
        await house.open(stack)
        await house.furnish()
        stack.push_async_callback(house.close_shop)
        yield house


async def copy(house: House, process: str) -> Instance:
    (found,) = [one for one in await house.stores.instances.of_app(SHOP) if one.process == process]
    return found


def kill(instance: Instance) -> None:
    assert instance.pid is not None
    os.kill(instance.pid, signal.SIGKILL)


def pids_of(house: House, program: str) -> set[int]:
    lines = [line.split() for line in processes_below(house.folder)]
    return {int(pid) for _, name, pid in lines if name == program}


async def crash(house: House, process: str, number: int = 1) -> Event:
    """As soon as so many were told: the last of them."""
    async with asyncio.timeout(60):
        while True:
            recent = await house.stores.events.recent(100)
            crashes = [one for one in recent if one.type is EventType.INSTANCE_CRASHED]
            found = [one for one in crashes if one.data["process"] == process]
            if len(found) >= number:
                return found[0]
            await asyncio.sleep(0.02)


async def test_one_that_has_been_crashing_for_days_is_told_as_ever(house: House) -> None:
    jobs = await copy(house, "jobs.1")
    await house.stores.instances.put(msgspec.structs.replace(jobs, restarts=5_000))
    kill(jobs)
    assert (await crash(house, "jobs.1")).data["restarts"] == 5_000


async def test_one_that_cannot_be_started_just_now_is_started_later(house: House) -> None:
    jobs = await copy(house, "jobs.1")
    folder = house.folder / "releases" / SHOP / "1"
    folder.rename(folder.with_name("away"))
    kill(jobs)
    await house.until_logged(SHOP, "cannot start")
    folder.with_name("away").rename(folder)
    async with asyncio.timeout(60):
        await house.quiet()
    assert (await copy(house, "jobs.1")).id != jobs.id


async def test_one_that_ends_while_the_disk_is_full_is_told_and_started_when_there_is_room(house: House) -> None:
    web, jobs = await copy(house, "web.1"), await copy(house, "jobs.1")
    house.database.full.set()
    kill(web)
    kill(jobs)
    await house.database.refused.wait()
    house.database.full.clear()
    for process in ("web.1", "jobs.1"):
        await crash(house, process)
    async with asyncio.timeout(60):
        await house.quiet()
    assert {(await copy(house, "web.1")).id, (await copy(house, "jobs.1")).id}.isdisjoint({web.id, jobs.id})


async def test_one_that_ends_before_it_was_written_down_as_running_is_restarted_all_the_same(house: House) -> None:
    first = await copy(house, "jobs.1")
    house.database.slow_seconds = 0.3
    kill(first)
    async with asyncio.timeout(60):
        while not (pids := pids_of(house, "sleep") - {first.pid or 0}):
            await asyncio.sleep(0.01)
    os.kill(pids.pop(), signal.SIGKILL)
    house.database.slow_seconds = 0
    await crash(house, "jobs.1", number=2)
    async with asyncio.timeout(60):
        await house.quiet()
