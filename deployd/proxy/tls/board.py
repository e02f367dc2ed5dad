"""Answers an authority's challenges at our own listeners, for as long as an order is pending."""

import asyncio
import ssl
from typing import TYPE_CHECKING

from deployd.domain.certificate import Challenge, ChallengeKind

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane


class Board:
    """The ChallengeBoard of a data plane."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._answers: dict[bytes, bytes] = {}

    def kinds(self) -> tuple[ChallengeKind, ...]:
        """HTTP-01 first: it also comes through to a deployd whose TLS ends at a proxy in front of it."""
        plain = (ChallengeKind.HTTP_01,) if self._plane.accepts_http else ()
        return (*plain, ChallengeKind.TLS_ALPN_01) if self._plane.https_port else plain

    async def put_up(self, challenge: Challenge) -> None:
        if challenge.kind is ChallengeKind.HTTP_01:
            self._answers[challenge.token.encode()] = challenge.answer.encode()
            self._plane.challenges = self._answers
        else:
            context = await asyncio.to_thread(_proof_of, challenge, self._plane.clock.now_ms())
            self._plane.certificates.prove(challenge.name, context)

    def take_down(self, challenge: Challenge) -> None:
        if challenge.kind is ChallengeKind.HTTP_01:
            self._answers.pop(challenge.token.encode(), None)
            self._plane.challenges = self._answers or None
        else:
            self._plane.certificates.proven(challenge.name)


def _proof_of(challenge: Challenge, now_ms: int) -> ssl.SSLContext:
    from deployd.proxy.tls.proof import proof_context  # X.509 takes 70 ms to load, which most starts do without

    return proof_context(challenge, now_ms)
