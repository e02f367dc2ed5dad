"""Measures how late the event loop is, because whatever blocks it blocks everybody."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from deployd.kernel.clock import Clock, SystemClock

LIMIT_MS = 50.0
INTERVAL_SECONDS = 0.05
WINDOW_SECONDS = 60.0


class LoopWatchdog:
    """`run` it in a task with an owner; `on_lag(milliseconds)` is called for each lag above the limit."""

    def __init__(
        self,
        on_lag: Callable[[float], None],
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        interval_seconds: float = INTERVAL_SECONDS,
        window_seconds: float = WINDOW_SECONDS,
        limit_ms: float = LIMIT_MS,
    ) -> None:
        self._on_lag = on_lag
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._interval_seconds = interval_seconds
        self._window_seconds = window_seconds
        self._limit_ms = limit_ms
        self._worst: deque[tuple[float, float]] = deque()  # (when, lag), each lag smaller than the one before

    @property
    def worst_ms(self) -> float:
        """The longest lag within the window."""
        self._forget()
        return self._worst[0][1] if self._worst else 0.0

    async def run(self) -> None:
        while True:
            due = self._clock.monotonic() + self._interval_seconds
            await self._sleep(self._interval_seconds)
            self._note(max(0.0, self._clock.monotonic() - due) * 1000)

    def _note(self, lag_ms: float) -> None:
        while self._worst and self._worst[-1][1] <= lag_ms:
            self._worst.pop()
        self._worst.append((self._clock.monotonic(), lag_ms))
        self._forget()
        if lag_ms > self._limit_ms:
            self._on_lag(lag_ms)

    def _forget(self) -> None:
        start = self._clock.monotonic() - self._window_seconds
        while self._worst and self._worst[0][0] < start:
            self._worst.popleft()
