"""A new process takes over from this one: its start, the moment of taking over, and what this one still has to say."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from deployd.access_line import access_line
from deployd.config_file import environment, load
from deployd.domain.deployment import Stage
from deployd.domain.errors import DeploydError, StateConflict
from deployd.domain.log_line import NewLine
from deployd.doors import Doors
from deployd.handover import Heir, Legacy, names_main, waiting_at
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.kernel.ref import Ref
from deployd.lock import Lock
from deployd.messages.log import AppendLines, LogMessage
from deployd.notify import Notifier
from deployd.parentage import why_not_replaceable
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
    """`told` is set when this process is to stop serving: it was asked to stop, or a new one is ready."""

    def __init__(
        self,
        config: Path,
        offer: Path,
        lock: Lock,
        doors: Doors,
        notifier: Notifier,
        log: Ref[LogMessage],
        deployments: Callable[[], DeploymentStore],
    ) -> None:
        """`deployments` gives the store that is open at the time."""
        self.told = asyncio.Event()
        self._config = config
        self._offer = offer
        self._lock = lock
        self._doors = doors
        self._notifier = notifier
        self._to_log = log
        self._deployments = deployments
        self._heir: Heir | None = None
        self._beginning = False
        self._asked = False
        self._tasks = OwnedTasks()
        self._hearing: asyncio.Task[None] | None = None
        self._lost = False
        """While the service manager does not know of this process: it was to be told by one that was killed."""
        self._holding = False
        """While nobody takes lines here: they wait in `_unsaid`, for whoever has the log next."""
        self._unsaid: list[NewLine] = []

    @property
    def under_way(self) -> bool:
        return self._heir is not None and not self._asked

    @property
    def settled(self) -> bool:
        """Whether the service manager, if there is one, takes this process for the service."""
        return self._notifier.main or self._lost

    def stop(self) -> None:
        """What a signal asks for."""
        self._asked = True
        self.told.set()

    async def begin(self) -> None:
        """Starts the process that follows this one. Refused while something runs that it could not go on with."""
        if self._heir is not None or self._beginning:
            raise StateConflict("A new process is taking over already.")
        if reason := why_not_replaceable(self._notifier.managed):
            raise StateConflict(reason)
        self._beginning = True
        try:
            await self._check_idle()
            await asyncio.to_thread(load, self._config)  # What is wrong in the file is said here, not by the heir.
            self._make_way_for(await Heir.start(self._config, environment()))
        finally:
            self._beginning = False

    def resume(self) -> None:
        """The log is there, for the first time or again."""
        self._holding = False
        self._say(())
        if self._lost:
            self._tasks.spawn(self._offer_all(), name="offer to a new process")

    def follow(self, legacy: Legacy) -> None:
        """Takes the last lines of the process before this one, for as long as it has some."""
        self._hearing = self._tasks.spawn(self._hear(legacy), name="lines of the process before")

    async def finish(self, proxy: Proxy, drain_seconds: float) -> bool:
        """Whether this process is done, everything but the proxy being shut: what is in flight ends here.

        False: the new process did not take over, and everything is to be started again.
        """
        heir, self._heir = self._heir, None
        if heir is not None and not self._asked:
            if await heir.take(self._lock.fileno(), self._doors.all()):
                await self._hand_over(heir)
                await self._see_out(heir, proxy, drain_seconds)
                await self._tasks.cancel(_CANCEL_SECONDS)
                return True
            await heir.dismiss()
            if not self._asked:
                _log.error("the new process did not take over; this one goes on")
                self._lock.sign()
                self.told.clear()
                return False
        elif heir is not None:
            await heir.dismiss()
        if heir is not None:
            await proxy.close(drain_seconds, _PATIENT_SECONDS)
        await self._tasks.cancel(_CANCEL_SECONDS)
        return True

    def log_access(self, records: Sequence[AccessRecord]) -> None:
        self._say([access_line(record) for record in records])

    def _say(self, lines: Sequence[NewLine]) -> None:
        self._unsaid.extend(lines)
        if self._unsaid and not self._holding:
            lines, self._unsaid = self._unsaid, []
            self._to_log.tell(AppendLines(lines=tuple(lines)))

    async def _check_idle(self) -> None:
        running = [one for one in await self._deployments().unfinished() if one.stage is not Stage.QUEUED]
        if running:
            raise StateConflict(f"A deployment of {running[0].app!r} is running: wait for its end or cancel it.")

    def _make_way_for(self, heir: Heir) -> None:
        self._heir = heir
        self._holding = True
        self.told.set()

    async def _hand_over(self, heir: Heir) -> None:
        """The new process is the service from now on: when it is killed, the next one needs what this one held."""
        if self._notifier.main:
            await self._notifier.followed_by(heir.pid)
            await heir.named()
        self._lock.close()
        self._doors.close()
        if self._asked:  # Meant for the service, which was this process a moment ago.
            heir.terminate()

    async def _see_out(self, heir: Heir, proxy: Proxy, drain_seconds: float) -> None:
        """What is in flight ends here, at once when this process is asked to stop."""
        self.told.clear()
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(self._leave(heir, proxy, drain_seconds), name="finish what is in flight")
            told = group.create_task(self.told.wait(), name="told to stop")
            await asyncio.wait({leaving, told}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            told.cancel()
        heir.leave()

    async def _hear(self, legacy: Legacy) -> None:
        async for line in legacy.told():
            if names_main(line):
                self._notifier.become_main()
            else:
                self._say(msgspec.json.decode(line, type=list[NewLine]))
        if not self._notifier.managed:
            self._notifier.main = True
        elif not self._notifier.main:
            self._lost = True
            self._tasks.spawn(self._offer_all(), name="offer to a new process")

    async def _offer_all(self) -> None:
        """The service manager took the end of the process before this one for the end of the service, and starts it
        anew: that one gets what this one holds, so that there is one service again and no connection is refused.
        """
        _log.warning("the process before this one was killed; the next that the service manager starts takes over")
        with waiting_at(self._offer) as listener:
            while not self.told.is_set():
                link, _ = await asyncio.get_running_loop().sock_accept(listener)
                try:
                    if self.told.is_set():
                        raise StateConflict("This process is stopping.")
                    await self._check_idle()
                    self._make_way_for(await Heir.meet(link))
                except DeploydError as error:
                    link.close()
                    _log.warning("not handed over: %s", error)

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
