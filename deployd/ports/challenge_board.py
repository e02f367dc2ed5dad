"""Where answers to an authority's challenges hang while it comes to look at them."""

from typing import Protocol

from deployd.domain.certificate import Challenge, ChallengeKind


class ChallengeBoard(Protocol):
    def kinds(self) -> tuple[ChallengeKind, ...]:
        """Those that our listeners can answer, the likeliest to be reached from outside first."""
        ...

    async def put_up(self, challenge: Challenge) -> None:
        """Answered from the return on."""
        ...

    def take_down(self, challenge: Challenge) -> None: ...
