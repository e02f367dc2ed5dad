"""Answers HTTP-01: an authority asks for a token and gets the account's proof (RFC 8555 section 8.3)."""

from collections.abc import Mapping

from deployd.proxy.exchange import Exchange
from deployd.proxy.pages import answer

_PLACE = b"/.well-known/acme-challenge/"


class ChallengeExchange(Exchange):
    """Before routing, and whatever is in front of the app: its door would send the authority away."""

    __slots__ = ()

    def start(self) -> None:
        proof = _answer(self.plane.challenges, self.head.target)
        if proof is None:
            self.refuse(404, "No such challenge is open.")
        else:
            self.answer(200, answer(200, b"application/octet-stream", proof, b""), proof)


def answers(challenges: Mapping[bytes, bytes], target: bytes) -> bool:
    return _answer(challenges, target) is not None


def _answer(challenges: Mapping[bytes, bytes] | None, target: bytes) -> bytes | None:
    if challenges is None or not target.startswith(_PLACE):
        return None
    return challenges.get(target[len(_PLACE) :])
