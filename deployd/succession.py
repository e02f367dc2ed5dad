"""A new process takes over from this one: its start, the moment of taking over, and what this one still has to say."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from deployd.access_line import access_line
from deployd.config_file import environment, load
from deployd.domain.deployment import Stage
from deployd.domain.errors import StateConflict
from deployd.domain.log_line import NewLine
from deployd.doors import Doors
from deployd.handover import Heir, Legacy
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.kernel.ref import Ref
from deployd.messages.log import AppendLines, LogMessage
from deployd.notify import Notifier
from deployd.ports.deployment_store import DeploymentStore
from deployd.proxy.access import AccessRecord
from deployd.proxy.proxy import Proxy

_PATIENT_SECONDS = 5.0
_TELL_SECONDS = 0.2
_TOLD_AT_ONCE = 16
"""Lines, each of which may hold a whole header; what is told in one piece has a bound."""
_CANCEL_SECONDS = 1.0
_log = logging.getLogger("deployd")


class Succession:
    """`told` is set when this process is to stop serving, by a signal or because a new one is ready."""

    def __init__(self, config: Path, lock: int, doors: Doors, notifier: Notifier, log: Ref[LogMessage]) -> None:
        self.told = asyncio.Event()
        self._config = config
        self._lock = lock
        self._doors = doors
        self._notifier = notifier
        self._to_log = log
        self._heir: Heir | None = None
        self._beginning = False
        self._tasks = OwnedTasks()
        self._hearing: asyncio.Task[None] | None = None
        self._holding = False
        """While nobody takes lines here: they wait in `_unsaid`, for whoever has the log next."""
        self._unsaid: list[NewLine] = []

    @property
    def under_way(self) -> bool:
        return self._heir is not None

    async def begin(self, deployments: DeploymentStore) -> None:
        """Starts the process that follows this one. Refused while something runs that it could not go on with."""
        if self._heir is not None or self._beginning:
            raise StateConflict("A new process is taking over already.")
        self._beginning = True
        try:
            running = [one for one in await deployments.unfinished() if one.stage is not Stage.QUEUED]
            if running:
                raise StateConflict(f"A deployment of {running[0].app!r} is running: wait for its end or cancel it.")
            await asyncio.to_thread(load, self._config)  # What is wrong in the file is said here, not by the heir.
            self._heir = await Heir.start(self._config, environment())
        finally:
            self._beginning = False
        self._holding = True
        self.told.set()

    def resume(self) -> None:
        """The log is there, for the first time or again."""
        self._holding = False
        self._say(())

    def follow(self, legacy: Legacy) -> None:
        """Takes the last lines of the process before this one, for as long as it has some."""
        self._hearing = self._tasks.spawn(self._hear(legacy), name="lines of the process before")

    async def finish(self, proxy: Proxy, drain_seconds: float) -> bool:
        """Whether this process is done, everything but the proxy being shut: what is in flight ends here.

        False: the new process did not take over, and everything is to be started again.
        """
        if self._heir is None:
            await self._tasks.cancel(_CANCEL_SECONDS)
            return True
        heir = self._heir
        self.told.clear()
        if not await heir.take(self._lock, self._doors.all()):
            _log.error("the new process did not take over; this one goes on")
            await heir.dismiss()
            self._heir = None
            return False
        self._notifier.followed_by(heir.pid)
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(self._leave(heir, proxy, drain_seconds), name="finish what is in flight")
            told = group.create_task(self.told.wait(), name="told to stop")
            await asyncio.wait({leaving, told}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            told.cancel()
        heir.leave()
        await self._tasks.cancel(_CANCEL_SECONDS)
        return True

    def log_access(self, records: Sequence[AccessRecord]) -> None:
        self._say([access_line(record) for record in records])

    def _say(self, lines: Sequence[NewLine]) -> None:
        self._unsaid.extend(lines)
        if self._unsaid and not self._holding:
            lines, self._unsaid = self._unsaid, []
            self._to_log.tell(AppendLines(lines=tuple(lines)))

    async def _hear(self, legacy: Legacy) -> None:
        async for line in legacy.told():
            self._say(msgspec.json.decode(line, type=list[NewLine]))

    async def _leave(self, heir: Heir, proxy: Proxy, drain_seconds: float) -> None:
        last = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            teller = group.create_task(self._tell(heir, last), name="last lines")
            await proxy.close(drain_seconds, _PATIENT_SECONDS)
            if self._hearing is not None:  # The process before this one may still have something in flight, too.
                await asyncio.wait({self._hearing}, timeout=drain_seconds)
            last.set()
            await teller

    async def _tell(self, heir: Heir, last: asyncio.Event) -> None:
        while True:
            ended = last.is_set()
            lines, self._unsaid = self._unsaid, []
            with suppress(OSError):  # It was stopped: nobody keeps the lines, but what is in flight goes on.
                for first in range(0, len(lines), _TOLD_AT_ONCE):
                    await heir.tell(msgspec.json.encode(lines[first : first + _TOLD_AT_ONCE]) + b"\n")
            if ended:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(last.wait(), _TELL_SECONDS)
