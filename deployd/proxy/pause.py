"""A pause of an app: its requests wait at the door instead of being refused, and go on in the order they came."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployd.proxy.doorman import Waiting

MOST_HELD = 1_000
LONGEST_SECONDS = 30.0
_AT_ONCE = 16
_STEP_SECONDS = 0.005


class Pause:
    """`active` from `begin` until the last one that was held has gone on: who comes meanwhile gets in line behind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._line: dict[Waiting, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._longest = 0.0
        self.active = False

    @property
    def held(self) -> int:
        return len(self._line)

    @property
    def longest_seconds(self) -> float:
        """The longest hold since `forget`, of those that still wait as well."""
        first = next(iter(self._line), None)
        waiting = self._loop.time() - first.held_since if first is not None else 0.0
        return max(self._longest, waiting)

    def forget(self) -> None:
        self._longest = 0.0

    def begin(self, seconds: float) -> None:
        """Holds for that long; a pause that is prolonged again and again still ends LONGEST_SECONDS after its start."""
        now = self._loop.time()
        if not self.active:
            self._began = now
            self.active = True
        self._at(min(now + seconds, self._began + LONGEST_SECONDS))

    def hold(self, request: "Waiting") -> bool:
        """False when there is no room."""
        if len(self._line) >= MOST_HELD:
            return False
        self._line[request] = None
        return True

    def leave(self, request: "Waiting") -> None:
        """Its client is gone."""
        self._line.pop(request, None)

    def end(self) -> None:
        """In small groups, so that an app with a short backlog is not run over by a thousand connections."""
        now = self._loop.time()
        for request in list(self._line)[:_AT_ONCE]:
            self._line.pop(request, None)
            self._longest = max(self._longest, now - request.held_since)
            request.go_on()
        if self._line:
            self._at(now + _STEP_SECONDS)
        else:
            self._stop_timer()
            self.active = False

    def _at(self, when: float) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(when, self.end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
