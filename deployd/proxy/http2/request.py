"""A stream's header list as the head of an HTTP/1.1 request, which then is read as strictly as any other."""

import re
from collections.abc import Iterable

_METHOD = re.compile(rb"[A-Z]{1,20}")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")
_AUTHORITY = re.compile(rb"[\x21-\x7e]+")
_PATH = re.compile(rb"[/*][\x21-\x7e]*")
_PSEUDO = (b":method", b":scheme", b":authority", b":path")
_OF_A_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"http2-settings"}
)


class Malformed(Exception):
    """Not a request (RFC 9113 section 8.1.1): its stream is reset."""


def http1_head(headers: Iterable[tuple[bytes, bytes]], ended: bool) -> bytes:
    """Ends with the empty line. A body whose length is not said will come in chunks; `ended` when there is none."""
    pseudo: dict[bytes, bytes] = {}
    lines: list[bytes] = []
    cookies: list[bytes] = []
    has_length = False
    for name, value in headers:
        if name.startswith(b":"):
            _take_pseudo(pseudo, name, value, bool(lines or cookies))
        elif not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name in _OF_A_CONNECTION:
            raise Malformed(name.decode("latin-1"))
        elif name == b"cookie":
            cookies.append(value)
        elif name == b"host":
            pseudo.setdefault(b":authority", value)
        elif name != b"expect":  # The body comes whenever it likes.
            has_length = has_length or name == b"content-length"
            lines.append(b"%b: %b\r\n" % (name, value))
    if cookies:
        lines.append(b"cookie: %b\r\n" % b"; ".join(cookies))
    if not ended and not has_length:
        lines.append(b"transfer-encoding: chunked\r\n")
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (*_start(pseudo), b"".join(lines))


def _take_pseudo(pseudo: dict[bytes, bytes], name: bytes, value: bytes, late: bool) -> None:
    if late or name not in _PSEUDO or name in pseudo:
        raise Malformed(name.decode("latin-1"))
    pseudo[name] = value


def _start(pseudo: dict[bytes, bytes]) -> tuple[bytes, bytes, bytes]:
    method, path, authority = (pseudo.get(name, b"") for name in (b":method", b":path", b":authority"))
    if not _METHOD.fullmatch(method) or not _PATH.fullmatch(path) or not _AUTHORITY.fullmatch(authority):
        raise Malformed("its start")
    return method, path, authority
