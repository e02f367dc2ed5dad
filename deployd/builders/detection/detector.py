"""Finds out how a project is built, in a process of its own: files of strangers are never read in deployd itself."""

import asyncio
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

import deployd
from deployd.builders.detection.confine import CPU_SECONDS, MEMORY_BYTES, SECONDS
from deployd.builders.detection.notes import VERB, Ask, Broke, Ended, Note, Planned, Reading, Refused, line
from deployd.child import Child
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed
from deployd.kernel.owned_tasks import OwnedTasks

_STDERR = 2
_IDLE_SECONDS = 60.0
_END_SECONDS = 2.0
_GRACE_SECONDS = 10.0
_LONGEST_NOTE = 4 << 20
_MOST_NOTES = 100_000
_notes = msgspec.json.Decoder(Note)


class DetectionBroke(Exception):
    """A fault of deployd's in the process that looks at projects; its traceback is a note of this error."""


class _Gone(Exception):
    """The process that holds the detectors ready has ended."""


def _command_of_detectors() -> tuple[str, ...]:
    """This program once more, as a single file or as a package of a Python."""
    return (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-m", "deployd")


class Detector:
    """The process is started at the first need and ends when nobody has asked for `idle_seconds`.

    `env` is all of the environment that it gets.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._command = tuple(command or _command_of_detectors())
        self._env = {"PYTHONPATH": str(Path(deployd.__file__).parent.parent), "LANG": "C.UTF-8", **(env or {})}
        self._idle_seconds = idle_seconds
        self._orders: socket.socket | None = None
        self._asking = 0
        self._idle: asyncio.TimerHandle | None = None
        self._tasks = OwnedTasks()
        self._ending: set[asyncio.Task[int]] = set()

    def expect(self) -> None:
        """A project comes soon: starting takes a while, which can pass meanwhile."""
        if self._orders is None:
            ours, theirs = socket.socketpair()
            with theirs:
                argv = [*self._command, VERB, str(theirs.fileno())]
                process = Child(
                    argv, env=self._env, folder="/", stdout=_STDERR, stderr=_STDERR, pass_fds=[theirs.fileno()]
                )
            self._orders = ours
            self._ending.add(ending := self._tasks.spawn(process.wait(), name="wait for the detectors"))
            ending.add_done_callback(self._ending.discard)
        self._rest()

    async def plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        """BuildFailed when nothing fits, and when the files are too much for the limits.

        DetectionBroke when they bring a fault of deployd to light.
        """
        self._asking += 1
        try:
            try:
                return await self._plan(project, wishes)
            except _Gone:
                self._let_go()
                return await self._plan(project, wishes)
        except _Gone:
            self._let_go()
            raise BuildFailed(
                "The process that looks at projects ended too early; deployd's own log says why."
            ) from None
        finally:
            self._asking -= 1
            self._rest()

    async def close(self) -> None:
        self._let_go()
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=_END_SECONDS)

    def _let_go(self) -> None:
        """It ends by itself."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._orders is not None:
            self._orders.close()
            self._orders = None

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        if self._asking == 0:
            self._let_go()

    async def _plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        self.expect()
        last: str | None = None
        for note in await self._notes(line(Ask(project=str(project), wishes=wishes))):
            match note:
                case Reading(name=name):
                    last = name
                case Planned(plan=plan):
                    return plan
                case Refused(reason=reason):
                    raise BuildFailed(reason)
                case Broke(error=error, traceback=traceback):
                    broke = DetectionBroke(f"{error} (after a look at {last or 'the list of files'})")
                    broke.add_note(traceback)
                    raise broke
                case Ended(code=code):
                    raise BuildFailed(_end(code, last))
        raise _Gone

    async def _notes(self, ask: bytes) -> list[Note]:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(theirs)
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_NOTE)
            try:
                async with asyncio.timeout(SECONDS + _GRACE_SECONDS):
                    return await _talk(reader, writer, ask)
            except (TimeoutError, OSError, ValueError):
                raise _Gone from None
            finally:
                writer.close()

    def _send(self, connection: socket.socket) -> None:
        assert self._orders is not None
        try:
            socket.send_fds(self._orders, [b"\n"], [connection.fileno()])
        except OSError:
            raise _Gone from None


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: bytes) -> list[Note]:
    """Up to the answer; the end of whoever gave it need not be waited for."""
    writer.write(ask)
    writer.write_eof()
    told: list[Note] = []
    while each := await reader.readline():
        try:
            told.append(_notes.decode(each))
        except msgspec.DecodeError:  # Cut off by a death, of which the next note tells.
            continue
        if not isinstance(told[-1], Reading):
            break
        if len(told) > _MOST_NOTES:
            raise BuildFailed("There is no end of files to read in this project; name its builder as `build.builder`.")
    return told


def _end(code: int, last: str | None) -> str:
    where = f" It was at {last} then." if last else ""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"To find out how this project is built took more than {CPU_SECONDS} s of computing.{where}"
    if code == -signal.SIGALRM:
        return f"To find out how this project is built took more than {SECONDS:g} s.{where}"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return (
        f"The process that looks at projects, which may use {MEMORY_BYTES >> 20} MB, ended with {how}.{where} "
        "deployd's own log may say more."
    )
