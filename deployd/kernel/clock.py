"""Time as a tool that is handed in, so that tests decide what time it is."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC: what rows and log lines carry."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow: what deadlines and durations are measured in."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    monotonic = staticmethod(time.monotonic)  # not wrapped: it is read for each message
