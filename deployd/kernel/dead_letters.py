"""The messages that no actor handled, kept for a while and counted for ever."""

from collections import Counter, deque
from enum import StrEnum

import msgspec

from deployd.kernel.clock import Clock, SystemClock

KEPT = 256


class Undelivered(StrEnum):
    """Why a message became a dead letter."""

    OVERFLOW = "overflow"
    STOPPED = "stopped"
    POISON = "poison"
    INTERRUPTED = "interrupted"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """POISON crashed its actor; INTERRUPTED was in hand when the actor crashed or stopped for another reason."""

    actor: str
    message: object
    why: Undelivered
    time_ms: int


class DeadLetters:
    def __init__(self, clock: Clock | None = None, kept: int = KEPT) -> None:
        self._clock = clock or SystemClock()
        self._ring: deque[DeadLetter] = deque(maxlen=kept)
        self._counts: Counter[tuple[str, Undelivered]] = Counter()

    def add(self, actor: str, message: object, why: Undelivered) -> None:
        self.count(actor, why)
        self._ring.append(DeadLetter(actor=actor, message=message, why=why, time_ms=self._clock.now_ms()))

    def count(self, actor: str, why: Undelivered) -> None:
        """For a message that is not worth keeping, such as the thousandth log line too many."""
        self._counts[actor, why] += 1

    def latest(self) -> list[DeadLetter]:
        """Oldest first."""
        return list(self._ring)

    @property
    def counts(self) -> dict[tuple[str, Undelivered], int]:
        return dict(self._counts)

    @property
    def total(self) -> int:
        return self._counts.total()
