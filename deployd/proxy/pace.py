"""Whether whoever sends a body keeps a bearable pace, judged by what came within a while and never by the whole."""


class Pace:
    """Begun anew whenever we ourselves held the sender up."""

    __slots__ = ("_since", "_total")

    def __init__(self, now: float, total: int) -> None:
        self._since = now
        self._total = total

    def is_slow(self, now: float, total: int, per_second: float, window_seconds: float) -> bool:
        """`total` counts all bytes so far; False as long as the window is not over."""
        passed = now - self._since
        if passed < window_seconds:
            return False
        slow = total - self._total < per_second * passed
        self._since, self._total = now, total
        return slow
