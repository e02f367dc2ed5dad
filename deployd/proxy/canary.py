"""Who of an app's visitors gets the canary, and what both releases did for theirs. Sans-I/O."""

import hashlib
import math
import re
import secrets

from deployd.domain.canary_verdict import ReleaseFigures
from deployd.domain.edge import CanaryRule
from deployd.proxy.conditional import field
from deployd.proxy.door.allow_list import AllowList

COOKIE = b"deployd_canary"
LOTS = 10_000
_COOKIE_LINES = re.compile(rb"^cookie:([^\r\n]*)", re.I | re.M)
_VALUE = re.compile(rb"(?:^|;)[ \t]*" + COOKIE + rb"=([0-9]{1,4})-([0-9a-f]{32})[ \t]*(?=;|\Z)")
_DIGEST_BYTES = 16
_MONTH_SECONDS = 30 * 86_400

_STEPS_PER_DOUBLING = 8
_SHORTEST_SECONDS = 0.0001
_LONGEST_STEP = 200


class Lots:
    """Every visitor draws a number and keeps it in a cookie; whose number is below the percentage gets the canary.

    So those who got it at 5 % still get it at 20 %. `subject` names the canary, so that each has other guinea pigs;
    without `key` nobody can make a cookie for the number he would like.
    """

    def __init__(self, key: bytes, subject: str) -> None:
        self._key = key
        self._subject = subject.encode()

    def drawn(self, fields: bytes) -> int | None:
        """The number that the request's cookie proves."""
        for line in _COOKIE_LINES.findall(fields):
            for number, proof in _VALUE.findall(line):
                if secrets.compare_digest(proof, self._proof(number)):
                    return int(number)
        return None

    def draw(self) -> int:
        return secrets.randbelow(LOTS)

    def cookie(self, number: int, prefix: bytes, secure: bool) -> bytes:
        text = b"%d" % number
        return b"Set-Cookie: %b=%b-%b; Path=%b; Max-Age=%d; HttpOnly; SameSite=Lax%b\r\n" % (
            COOKIE,
            text,
            self._proof(text),
            prefix or b"/",
            _MONTH_SECONDS,
            b"; Secure" if secure else b"",
        )

    def _proof(self, number: bytes) -> bytes:
        text = b"%b %b" % (self._subject, number)
        return hashlib.blake2s(text, key=self._key, digest_size=_DIGEST_BYTES).hexdigest().encode()


class Chooser:
    """The rule as it is asked for each request."""

    def __init__(self, rule: CanaryRule) -> None:
        name, _, value = rule.header.partition(":")
        self._name = name.strip().lower().encode()
        self._value = value.strip().encode()
        self._allow = AllowList(rule.allow) if rule.allow else None
        self._below = rule.percent * LOTS / 100
        self.draws = rule.percent > 0
        """Whether the visitor's lot matters."""

    def picks_at_once(self, fields: bytes, ip: str) -> bool:
        """Whether the request gets the canary whatever lot its visitor has."""
        if self._name and field(fields, self._name) == self._value:
            return True
        return self._allow is not None and self._allow.admits(ip)

    def picks(self, lot: int) -> bool:
        return lot < self._below


class Latencies:
    """A histogram with steps of about 9 %, from 0.1 ms to an hour: enough for a percentile, and small."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * (_LONGEST_STEP + 1)
        self.count = 0

    def note(self, seconds: float) -> None:
        step = 0
        if seconds > _SHORTEST_SECONDS:
            step = min(math.ceil(math.log2(seconds / _SHORTEST_SECONDS) * _STEPS_PER_DOUBLING), _LONGEST_STEP)
        self._counts[step] += 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """Seconds that this share of what was noted did not exceed, up to the width of a step; None without any."""
        wanted, seen = math.ceil(share * self.count), 0
        for step, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(_SHORTEST_SECONDS * 2 ** (step / _STEPS_PER_DOUBLING))
        return None


class Figures:
    """What one release did since the canary began."""

    __slots__ = ("errors", "latencies", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.latencies = Latencies()

    def ended(self, error: bool) -> None:
        self.requests += 1
        self.errors += error

    def of(self, release: int | None) -> ReleaseFigures:
        return ReleaseFigures(
            release=release,
            requests=self.requests,
            errors=self.errors,
            p95_seconds=self.latencies.quantile(0.95),
        )
