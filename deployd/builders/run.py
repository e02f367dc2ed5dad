"""Runs one step of a build to its end or its deadline, streams what it says, and leaves no process behind."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

_LONGEST_LINE = 65_536
_MOST_BYTES = 16 << 20
_ROUNDS = 50
_ROUND_SECONDS = 0.1

MARK = "DEPLOYD_BUILD"
"""A variable in `env` by which processes are found that no sandbox holds; its value must be new for each build."""


async def run_step(
    argv: Sequence[str],
    env: Mapping[str, str],
    folder: str,
    on_line: Callable[[str], None],
    pass_fds: Sequence[int] = (),
) -> int:
    """The exit code, 128 + N for a death by signal N. Cancelling it (a timeout too) kills everything it started."""
    lines = Lines(on_line)
    async with _pipe(lines) as (ended, entrance):
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=entrance,
            stderr=entrance,
            env=dict(env),
            cwd=folder,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
        entrance.close()
        try:
            code = await process.wait()
        finally:
            await _end_all(process, env.get(MARK), ended)
    lines.end()
    return 128 - code if code < 0 else code


class Lines:
    """Cuts a stream into lines: none longer than 64 KiB, and none at all beyond 16 MiB."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._left = _MOST_BYTES

    def feed(self, chunk: bytes) -> None:
        if self._left <= 0:
            return
        self._left -= len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) > _LONGEST_LINE:
            self._say(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        if self._left <= 0:
            self.end()
            self._on_line(f"The step has written more than {_MOST_BYTES >> 20} MiB; the rest is not shown.")

    def end(self) -> None:
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    def _say(self, line: bytes) -> None:
        """A progress bar overwrites itself with carriage returns: its last state is the line."""
        text = line.rstrip(b"\r").rpartition(b"\r")[2]
        for start in range(0, max(len(text), 1), _LONGEST_LINE):
            self._on_line(text[start : start + _LONGEST_LINE].decode("utf-8", "replace"))


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
    way_out, way_in = _open_pipe()
    with way_in:
        transport, output = await asyncio.get_running_loop().connect_read_pipe(lambda: _Output(lines), way_out)
        try:
            yield output.ended, way_in
        finally:
            transport.close()


def _open_pipe() -> tuple[IO[bytes], IO[bytes]]:
    way_out, way_in = os.pipe()
    return os.fdopen(way_out, "rb", buffering=0), os.fdopen(way_in, "wb", buffering=0)


async def _end_all(process: Process, mark: str | None, ended: asyncio.Event) -> None:
    """Kills again until the pipe ends: a process in the middle of a fork or an exec is missed at the first look."""
    for _ in range(_ROUNDS):
        _kill_all(process, mark)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _ROUND_SECONDS)
            break
    await process.wait()


def _kill_all(process: Process, mark: str | None) -> None:
    """The sandbox dies with its first process. Without one: the group, and whoever left it but still bears the mark."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in _bearing(f"{MARK}={mark}".encode()) if mark else ():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(stray, signal.SIGKILL)


def _bearing(entry: bytes) -> list[int]:
    """The live processes with this entry in the environment they were started with; it is empty for the dead."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
