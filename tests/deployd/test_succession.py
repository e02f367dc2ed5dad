"""What a process still has to say when another has taken over from it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deployd.domain.ids import AppName
from deployd.doors import Doors
from deployd.handover import Heir, Legacy
from deployd.kernel.ref import Ref
from deployd.lock import Lock
from deployd.messages.log import AppendLines, LogMessage
from deployd.notify import Notifier
from deployd.ports.deployment_store import DeploymentStore
from deployd.proxy.access import AccessRecord
from deployd.proxy.proxy import Proxy
from deployd.succession import Succession

LONG = "/" + "x" * 8_000


def _none() -> DeploymentStore:
    raise AssertionError("nobody asks for deployments")


class Process:
    """One of two, as far as its lines are concerned."""

    def __init__(self) -> None:
        self.log: Ref[LogMessage] = Ref("log", 10_000)
        self.succession = Succession(
            Path("deployd.toml"), Path("offer"), Lock(-1), Doors(), Notifier({}), self.log, deployments=_none
        )
        self.succession.resume()
        self.proxy = Proxy(control_hosts=frozenset(), control=asyncio.Protocol, on_access=self.succession.log_access)

    @property
    def logged(self) -> list[str]:
        told = self.log.mailbox.batch(10_000)
        return [line.text.split()[-1] for message in told if isinstance(message, AppendLines) for line in message.lines]


def record(number: int) -> AccessRecord:
    return AccessRecord(
        time_ms=0,
        app=AppName("app"),
        release=1,
        client="198.51.100.7",
        method="GET",
        host="app.test",
        path=LONG,
        status=200,
        sent_bytes=0,
        duration_seconds=0.0,
        request_id=str(number),
    )


@asynccontextmanager
async def leaving(old: Process, new: Process | None) -> AsyncIterator[None]:
    """`old` has made way for `new`, and has left at the end. None has been stopped since."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    process = await asyncio.create_subprocess_exec("sleep", "60")
    heir = Heir(process.pid, os.pidfd_open(process.pid), ours)
    old.succession._heir = heir
    old.succession._holding = True
    if new is not None:
        new.succession.follow(Legacy(theirs, 0, []))
    else:
        theirs.close()
    yield
    await old.succession._leave(heir, old.proxy, 5)
    await heir.dismiss()
    await process.wait()


async def heard_out(process: Process) -> None:
    assert process.succession._hearing is not None
    async with asyncio.timeout(10):
        await process.succession._hearing


async def test_many_long_lines_are_all_taken_over() -> None:
    old, new = Process(), Process()
    async with leaving(old, new):
        old.succession.log_access([record(number) for number in range(1_000)])
    await heard_out(new)
    assert new.logged == [str(number) for number in range(1_000)]
    assert old.logged == []


async def test_a_process_that_makes_way_itself_passes_on_what_it_hears_until_the_one_before_has_left() -> None:
    first, second, third = Process(), Process(), Process()
    async with asyncio.timeout(20), leaving(second, third), leaving(first, second):
        second.succession.log_access([record(1)])
        first.succession.log_access([record(2)])
    await heard_out(third)
    assert sorted(third.logged) == ["1", "2"]


async def test_lines_that_nobody_takes_any_more_keep_nobody_from_leaving_in_order() -> None:
    old = Process()
    async with leaving(old, None):
        old.succession.log_access([record(1)])
    assert old.logged == []


async def test_what_was_held_back_for_a_process_that_did_not_come_is_said_here() -> None:
    process = Process()
    process.succession._holding = True
    process.succession.log_access([record(1)])
    assert process.logged == []
    process.succession.resume()
    process.succession.log_access([record(2)])
    assert process.logged == ["1", "2"]
