"""Whichever of two processes is killed at whatever moment of a reload, the apps are served, and nothing is left."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import aiohttp
import psutil
import pytest

from tests.e2e.test_redeploys import files
from tests.e2e.test_survival import instance_of
from tests.support.daemon import Daemon
from tests.support.killed_at import KilledAt
from tests.support.load import constant_load
from tests.support.repos import repo_with

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

OLD_BEFORE = (
    "Succession.begin call", "Heir.start call", "Heir.meet call", "Succession._make_way_for call",
    "Supervisor.stop call", "FrontActor.on_stop call", "LogActor.on_stop call", "Succession.finish call",
    "Heir.take call",
)  # fmt: skip
"""Where the old process still has what the new one needs."""

OLD_AFTER = (
    "send_fds return", "Succession._hand_over call", "Heir.named call", "Succession._see_out call", "Heir.leave call",
)  # fmt: skip

STOPPED = ("Heir.meet call", "Supervisor.stop call", "LogActor.on_stop call", "Heir.take call")
"""Until the service manager knows of the new process, what it asks the old one is meant for the service."""

NEW_BEFORE = (
    "step_out call", "step_out return", "load call", "Legacy.claim call", "recv_fds call", "Legacy.claim return",
    "only_one call", "open_world call", "LogActor.on_start call", "DeployActor.on_start call",
    "FrontActor.on_start call", "FrontActor.on_start return", "Legacy.serve call",
)  # fmt: skip
"""Where the old process has not heard yet that the new one serves."""

NEW_AFTER = ("Succession.follow call", "Notifier.become_main call")


def moments(places: tuple[str, ...], few: int) -> list[str]:
    """All of them in `make kills`, which takes two minutes; else some, always the same."""
    return list(places) if os.environ.get("MOMENTS") == "all" else Random(8).sample(places, few)


class Reloads:
    """A daemon with one app, and what kills it."""

    def __init__(self, daemon: Daemon, kill: KilledAt) -> None:
        self.daemon = daemon
        self.kill = kill
        self.pid = daemon.pid

    async def until_killed(self, place: str) -> None:
        """Asks for a reload, again when it is refused since the last one is still being undone."""
        asked = False
        give_up = asyncio.get_running_loop().time() + 20
        while not self.kill.done:
            assert asyncio.get_running_loop().time() < give_up, place
            if not asked:
                with suppress(aiohttp.ClientError, OSError):
                    asked = (await self.daemon.api("POST", "/api/v1/reload"))[0] == 202
            await asyncio.sleep(0.02)

    async def serves(self, pid: int | None = None) -> None:
        """Returns when a process does, that one if it is named; it is then the one to reload."""
        async with asyncio.timeout(20):
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    _, status = await self.daemon.api("GET", "/api/v1/status")
                    if pid in (None, status["pid"]) and is_running(status["pid"]):
                        break
                await asyncio.sleep(0.02)
        self.pid = status["pid"]
        assert (await self.daemon.get("app.test")) == (200, "v1")

    async def only(self, pids: list[int]) -> None:
        """Returns when no other process of this deployd is there."""
        async with asyncio.timeout(20):
            while self.processes() != pids:
                await asyncio.sleep(0.02)

    def processes(self) -> list[int]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.daemon.config) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
async def reloads(tmp_path: Path) -> AsyncIterator[Reloads]:
    (tmp_path / "kill").mkdir()
    kill = KilledAt(tmp_path / "kill")
    daemon = Daemon(tmp_path)
    await daemon.start(env=kill.env)
    try:
        await daemon.create_app("app", str(repo_with(files("v1"), tmp_path / "app")))
        assert (await daemon.deploy("app"))["outcome"] == "live"
        reloads = Reloads(daemon, kill)
        app = (await instance_of(daemon))["pid"]
        yield reloads
        assert (await instance_of(daemon))["pid"] == app
    finally:
        await daemon.remove_all()
        for pid in reloads.processes():
            with suppress(psutil.Error):
                psutil.Process(pid).terminate()
        await reloads.only([])
        await daemon.stop()


async def test_whichever_process_is_killed_at_whatever_moment_one_serves_or_the_next_start_does(
    reloads: Reloads,
) -> None:
    await the_old_one_before_it_hands_over_takes_the_new_one_with_it(reloads)
    await the_old_one_that_has_handed_over_leaves_a_new_one_that_serves(reloads)
    await the_old_one_that_is_asked_to_stop_ends_both(reloads)
    await the_new_one_before_it_serves_changes_nothing(reloads)
    await the_new_one_that_serves_makes_room_for_the_next(reloads)


async def the_old_one_before_it_hands_over_takes_the_new_one_with_it(reloads: Reloads) -> None:
    for place in moments(OLD_BEFORE, 2):
        reloads.kill.old(reloads.pid, place)
        await reloads.until_killed(place)
        await reloads.only([])
        await reloads.daemon.start(env=reloads.kill.env)
        await reloads.serves()


async def the_old_one_that_has_handed_over_leaves_a_new_one_that_serves(reloads: Reloads) -> None:
    for place in moments(OLD_AFTER, 2):
        before = reloads.pid
        reloads.kill.old(before, place)
        await reloads.until_killed(place)
        await reloads.serves()
        assert reloads.pid != before
        await reloads.only([reloads.pid])


async def the_old_one_that_is_asked_to_stop_ends_both(reloads: Reloads) -> None:
    for place in moments(STOPPED, 1):
        reloads.kill.old(reloads.pid, place, signal.SIGTERM)
        await reloads.until_killed(place)
        await reloads.only([])
        await reloads.daemon.start(env=reloads.kill.env)
        await reloads.serves()


async def the_new_one_before_it_serves_changes_nothing(reloads: Reloads) -> None:
    async with constant_load(reloads.daemon.http_port, "app.test", clients=2) as load:
        for place in moments(NEW_BEFORE, 3):
            reloads.kill.new(place)
            await reloads.until_killed(place)
            await reloads.serves(reloads.pid)
    assert load.failures == []


async def the_new_one_that_serves_makes_room_for_the_next(reloads: Reloads) -> None:
    for place in moments(NEW_AFTER, 1):
        reloads.kill.new(place)
        await reloads.until_killed(place)
        await reloads.daemon.start(env=reloads.kill.env)
        await reloads.serves(reloads.daemon.pid)


async def test_a_process_that_its_service_manager_lost_gives_what_it_holds_to_the_next_that_is_started(
    reloads: Reloads, tmp_path: Path
) -> None:
    """Else the manager would start one after the other in vain, while one that it cannot stop serves."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        env = reloads.kill.env | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        await reloads.daemon.stop()
        await reloads.daemon.start(env=env)
        await reloads.serves()
        first = reloads.pid
        reloads.kill.old(first, "Succession._hand_over call")
        await reloads.until_killed("hand over")
        await reloads.serves()
        lost = reloads.pid
        assert lost != first
        async with constant_load(reloads.daemon.http_port, "app.test", clients=2) as load:
            await reloads.daemon.start(env=env)
            await reloads.serves(reloads.daemon.pid)
            await reloads.only([reloads.daemon.pid])
            await load.one_more()
    assert load.failures == []
