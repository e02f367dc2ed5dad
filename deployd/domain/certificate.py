"""Certificates: which names get one, when it is renewed, and what is written down about fetching it."""

import ipaddress
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from deployd.domain.secret import Secret

DAY_MS = 86_400_000
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

_ALERT_MS = 14 * DAY_MS
_JITTER = 0.1
_NEVER_PUBLIC = ("localhost", "local", "internal", "test", "example", "invalid", "onion", "home.arpa")
"""No public authority certifies names under these (RFC 6761, 6762, 7686, 8375; ICANN's .internal)."""


class ChallengeKind(StrEnum):
    """How an authority is shown that a name is ours, in the words of RFC 8555 and RFC 8737."""

    HTTP_01 = "http-01"
    TLS_ALPN_01 = "tls-alpn-01"


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """`answer` is the key authorization: what shows that the account's owner holds `name`."""

    kind: ChallengeKind
    name: str
    token: str
    answer: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`chain` is PEM, the leaf first; `names` are lower case and may be wildcards."""

    names: tuple[str, ...]
    chain: str
    key: Secret
    not_before_ms: int
    not_after_ms: int


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to the authority at `directory`."""

    directory: str
    key: Secret


class OrderState(StrEnum):
    WAITING = "waiting"  # for its time: nothing is open at the authority
    PLACED = "placed"  # the authority knows it under `url`, and `key` is what it is for


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The one order there is for `name`, gone when its certificate is there. `reason` is of the last failure."""

    name: str
    directory: str
    state: OrderState = OrderState.WAITING
    failures: int = 0
    try_ms: int = 0
    url: str | None = None
    key: Secret | None = None
    reason: str | None = None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate from `directory`, to be renewed at `renew_ms`; at `ask_ms` the authority is asked when that is."""

    name: str
    directory: str
    certificate: Certificate
    renew_ms: int
    ask_ms: int = 0


class RenewalWindow(msgspec.Struct, frozen=True, kw_only=True):
    """When the authority would like it renewed (RFC 9773), and when it wants to be asked again."""

    start_ms: int
    end_ms: int
    ask_again_seconds: float


def names_to_certify(hosts: Iterable[str], public: bool) -> tuple[set[str], set[str]]:
    """The names among a route's hosts that HTTP-01 or TLS-ALPN-01 can prove, and the wildcards, which only DNS can.

    `public`: the authority is one for the whole world, and refuses names that exist at home only.
    """
    names = {host.partition("/")[0].rstrip(".").lower() for host in hosts}
    wildcards = {name for name in names if name.startswith("*.")}
    return {name for name in names - wildcards if _can_have_one(name, public)}, wildcards


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate for `pattern` is good for `name`: a wildcard stands for exactly one label."""
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def renew_at_ms(certificate: Certificate, random: Callable[[], float]) -> int:
    """When a third of its life is left, or up to a tenth of that third before, so that not all come at once."""
    third = (certificate.not_after_ms - certificate.not_before_ms) // 3
    return certificate.not_after_ms - third - int(third * _JITTER * random())


def moment_in(window: RenewalWindow, random: Callable[[], float]) -> int:
    return window.start_ms + int(max(0, window.end_ms - window.start_ms) * random())


def expires_soon(certificate: Certificate, now_ms: int) -> bool:
    """Under 14 days, which no renewal leaves standing; a quarter of their life for certificates that live for weeks."""
    life = certificate.not_after_ms - certificate.not_before_ms
    threshold = _ALERT_MS if life > 3 * _ALERT_MS else life // 4
    return certificate.not_after_ms - now_ms < threshold


def _can_have_one(name: str, public: bool) -> bool:
    if "." not in name or _is_address(name) or _is_under(name, "localhost"):
        return False
    return not (public and any(_is_under(name, suffix) for suffix in _NEVER_PUBLIC))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_under(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith(f".{suffix}")
