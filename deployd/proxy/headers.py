"""Which header fields concern only one hop, and which the gateway writes itself (RFC 9110 §7.6). Sans-I/O."""

from enum import IntEnum

from deployd.proxy.refused import Refused


class Kind(IntEnum):
    """What is done with a field that is not simply passed on."""

    READ = 1
    """understood here and passed on"""
    HOP = 2
    """understood here, ends here"""
    OURS = 3
    """written by us, so the received one ends here unless a trusted peer sent it"""


def _kinds(kind: Kind, names: str) -> dict[bytes, Kind]:
    return dict.fromkeys(names.encode().split(), kind)


REQUEST_FIELDS = {
    **_kinds(Kind.READ, "host content-length accept-encoding"),
    **_kinds(
        Kind.HOP,
        "connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect proxy http2-settings",
    ),
    **_kinds(
        Kind.OURS,
        "forwarded x-real-ip x-request-id x-request-start x-forwarded-for x-forwarded-proto x-forwarded-host"
        " x-forwarded-port x-forwarded-server x-forwarded-scheme x-forwarded-ssl x-forwarded-prefix x-forwarded-by",
    ),
}
RESPONSE_FIELDS = {
    **_kinds(Kind.READ, "content-length date content-type"),
    **_kinds(Kind.HOP, "connection keep-alive proxy-connection te trailer transfer-encoding upgrade"),
}
PROTECTED = frozenset(REQUEST_FIELDS) | frozenset(RESPONSE_FIELDS) | {b"authorization", b"via", b"cookie"}
"""Fields that a Connection field may not remove by naming them: what we read or write, and what identifies the user."""

_NO_FIELDS = frozenset({b"close"})
_NOTHING: frozenset[bytes] = frozenset()
_USUAL_OPTIONS = {
    b"keep-alive": (frozenset({b"keep-alive"}), _NOTHING),
    b"Keep-Alive": (frozenset({b"keep-alive"}), _NOTHING),
    b"close": (_NO_FIELDS, _NOTHING),
    b"Upgrade": (frozenset({b"upgrade"}), _NOTHING),
    b"": (_NOTHING, _NOTHING),
}


def scan(lines: list[bytes], kinds: dict[bytes, Kind], underscores: bool) -> tuple[dict[bytes, bytes], set[bytes]]:
    """The values of the fields in `kinds` by lower-case name, and the lines of a message that must not pass.

    Fields of the same name are one list (RFC 9110 §5.3). Without `underscores`, names with one do not pass: many app
    servers cannot tell X_Real_IP from X-Real-IP.
    """
    special: dict[bytes, bytes] = {}
    dropped: set[bytes] = set()
    for line in lines[1:-2]:
        name, _, value = line.partition(b":")
        name = name.lower()
        kind = kinds.get(name)
        if kind is None:
            if not underscores and b"_" in name:
                dropped.add(line)
            continue
        if kind is not Kind.READ:
            dropped.add(line)
        value = value.strip(b" \t")
        special[name] = special[name] + b", " + value if name in special else value
    return special, dropped


def tokens(value: bytes) -> list[bytes]:
    """A comma-separated list, lower case, empty members left out."""
    return [token for part in value.lower().split(b",") if (token := part.strip(b" \t"))]


def connection_options(value: bytes) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The options of a Connection field, and those that declare a field to be for this hop only and may do so."""
    usual = _USUAL_OPTIONS.get(value)
    if usual is not None:
        return usual
    options = frozenset(tokens(value))
    return options, options - PROTECTED - _NO_FIELDS


def without(lines: list[bytes], dropped: set[bytes], nominations: frozenset[bytes]) -> bytes:
    """The field lines of a message (first line and the two empty ends left out) that may pass, each ending in CRLF."""
    kept = [line for line in lines[1:-2] if line not in dropped]
    if nominations:
        kept = [line for line in kept if line[: line.index(b":")].lower() not in nominations]
    kept.append(b"")
    return b"\r\n".join(kept)


def content_length(value: bytes) -> int:
    """httptools has seen to it that there is one and that it is digits; here that it is read in one way only.

    Some app servers take leading zeros for the mark of an octal number.
    """
    if not value.isdigit() or len(value) > 18 or (value[:1] == b"0" and value != b"0"):
        raise Refused(400, "The Content-Length is not a size.")
    return int(value)
