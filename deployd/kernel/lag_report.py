"""Tells of a held-up event loop without telling again and again: the first lag at once, then one sentence a minute."""

from collections.abc import Callable

from deployd.kernel.clock import Clock

EVERY_SECONDS = 60.0


class LagReport:
    """Call it with each lag in milliseconds; `say` gets the sentences. Those of a minute are told with the next."""

    def __init__(
        self,
        say: Callable[[str], None],
        clock: Clock,
        time_of_day: Callable[[int], str],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._say = say
        self._clock = clock
        self._time_of_day = time_of_day
        self._every_seconds = every_seconds
        self._said_at: float | None = None
        self._count = 0
        self._since_ms = 0
        self._worst: tuple[float, int] = (0.0, 0)

    def __call__(self, lag_ms: float) -> None:
        now_ms = self._clock.now_ms()
        self._since_ms = self._since_ms or now_ms
        self._count += 1
        self._worst = max(self._worst, (lag_ms, now_ms))
        now = self._clock.monotonic()
        if self._said_at is None or now - self._said_at >= self._every_seconds:
            self._say(self._sentence())
            self._said_at = now
            self._count, self._since_ms, self._worst = 0, 0, (0.0, 0)

    def _sentence(self) -> str:
        worst_ms, worst_at_ms = self._worst
        worst, when = f"for {worst_ms:.0f} ms at", self._time_of_day(worst_at_ms)
        if self._count == 1:
            return f"The event loop was held up {worst} {when}."
        since = self._time_of_day(self._since_ms)
        return f"The event loop was held up {self._count} times since {since}, {worst} worst ({when})."
