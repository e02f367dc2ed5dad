"""How long to wait before the next try: longer each time, and never in step with others."""

import math
from collections.abc import Callable

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """`jitter` is the share of the delay that chance may take away: 0.5 waits between half and all of it."""

    first_seconds: float = 0.1
    factor: float = 2.0
    cap_seconds: float = 30.0
    jitter: float = 0.5

    def delay(self, failures: float, random: Callable[[], float]) -> float:
        """Seconds to wait after so many failures in a row (1 is the first); `random` gives [0, 1)."""
        exponent = min(max(failures - 1.0, 0.0), 64.0)
        full = min(self.first_seconds * math.pow(self.factor, exponent), self.cap_seconds)
        return full * (1.0 - self.jitter * random())
