"""Runs one step of a build to its end or its deadline, streams what it says, and leaves no process behind."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from deployd.builders.lines import Lines
from deployd.child import Child
from deployd.limits.cgroup import Group
from deployd.pipes import open_pipe, read_pipe

_PIPE_BYTES = 8192
"""What can come at once: a flood of empty lines must not hold up the loop while each is passed on."""

_ROUNDS = 50
_ROUND_SECONDS = 0.1

MARK = "DEPLOYD_BUILD"
"""A variable in `env` by which processes are found that no sandbox holds; its value must be new for each build."""

NO_GROUP = Group(())


async def run_step(
    argv: Sequence[str],
    env: Mapping[str, str],
    folder: str,
    lines: Lines,
    *,
    group: Group = NO_GROUP,
    pass_fds: Sequence[int] = (),
    started: Callable[[int], Awaitable[None]] | None = None,
) -> int:
    """The exit code, 128 + N for a death by signal N. Cancelling it (a timeout too) kills everything it started.

    `group` is what the command is going to be in; `started` is told its pid.
    """
    async with _pipe(lines) as (ended, entrance):
        process = Child(argv, env=env, folder=folder, stdout=entrance, stderr=entrance, pass_fds=pass_fds)
        entrance.close()
        try:
            if started is not None:
                await started(process.pid)
            code = await process.wait()
        finally:
            await _end_all(process, group, env.get(MARK), ended)
    lines.end()
    return 128 - code if code < 0 else code


class _Output(asyncio.Protocol):
    """`ended` is set when nobody is left who could write."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._lines.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()


@asynccontextmanager
async def _pipe(lines: Lines) -> AsyncIterator[tuple[asyncio.Event, IO[bytes]]]:
    """A pipe of our own: asyncio's would make `wait` wait for whoever still holds it, not for the step alone.

    The entrance is for the one who starts the step, to be closed once the step has it.
    """
    way_out, way_in = open_pipe()
    fcntl.fcntl(way_in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with way_in:
        transport, output = await read_pipe(lambda: _Output(lines), way_out)
        try:
            yield output.ended, way_in
        finally:
            transport.close()


async def _end_all(process: Child, group: Group, mark: str | None, ended: asyncio.Event) -> None:
    """Kills again until the pipe ends: a process in the middle of a fork or an exec is missed at the first look."""
    for _ in range(_ROUNDS):
        _kill_all(process, group, mark)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _ROUND_SECONDS)
            break
    await process.wait()
    _kill_group(group)  # who had closed the pipe did not keep it open


def _kill_all(process: Child, group: Group, mark: str | None) -> None:
    """The sandbox dies with its first process. Without one: the groups, and whoever left but still bears the mark."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    _kill_group(group)
    for stray in _bearing(f"{MARK}={mark}".encode()) if mark else ():
        _kill(stray)


def _kill_group(group: Group) -> None:
    group.kill()
    for pid in group.pids():
        _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _bearing(entry: bytes) -> list[int]:
    """The live processes with this entry in the environment they were started with; it is empty for the dead."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
