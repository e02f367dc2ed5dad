"""What the supervisor tells its owner about actors that fail and requests that are refused."""

from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """What the actor was doing."""

    STARTING = "starting"
    HANDLING = "handling"
    WORKING = "working"  # a spawned task failed
    STOPPING = "stopping"


class Next(StrEnum):
    """What the supervisor does about it."""

    RESTART = "restart"
    PARK = "park"
    ESCALATE = "escalate"
    GO_ON = "go on"  # only that work is lost
    NOTHING = "nothing"  # it was about to end anyway


class Crash(msgspec.Struct, frozen=True, kw_only=True):
    """Why one life of an actor ended unasked; `message` was in hand, `task` is the name of the failed task."""

    error: BaseException
    phase: Phase
    message: object = None
    task: str | None = None


class ActorFailure(msgspec.Struct, frozen=True, kw_only=True):
    """`delay_seconds` is the wait before a RESTART."""

    actor: str
    crash: Crash
    next: Next
    delay_seconds: float = 0.0

    def __str__(self) -> str:
        error = self.crash.error
        then = f"restart in {self.delay_seconds:.1f} s" if self.next is Next.RESTART else str(self.next)
        return f"{self.actor} failed while {self.crash.phase}: {type(error).__name__}: {error} ({then})"


class ActorRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """An expected error that nobody waited for."""

    actor: str
    error: BaseException
    message: object = None
    task: str | None = None
