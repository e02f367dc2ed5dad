"""Whether an upstream's answer may be compressed on its way, and what its head says then. Sans-I/O."""

import re
from functools import lru_cache

from deployd.domain.content_coding import LEAST_BYTES, is_compressible
from deployd.proxy.response_head import CHUNKED, ResponseHead

_FIELD = re.compile(
    rb"\r\n(content-type|content-encoding|cache-control|vary|etag|content-length|accept-ranges|content-range"
    rb"|content-md5|content-digest|repr-digest|digest):[ \t]*([^\r\n]*)",
    re.I,
)
_WITHOUT_BODY = frozenset({204, 205, 206, 304})
_BINDS_THE_BYTES = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest", b"content-range"})
_NOT_OF_IT = frozenset({b"content-length", b"accept-ranges"})


class Plain:
    """The head of an answer that may be compressed; it speaks of the coding and, when it is known, the new length."""

    __slots__ = ("_lines", "_of")

    def __init__(self, of: ResponseHead, lines: bytes) -> None:
        self._of = of
        self._lines = lines

    def packed(self, coding: bytes, length: int = CHUNKED) -> ResponseHead:
        of = self._of
        lines = b"%bContent-Encoding: %b\r\n" % (self._lines, coding)
        head = ResponseHead(of.status, lines, of.keep_alive)
        if length >= 0:
            head.lines = b"%bContent-Length: %d\r\n" % (lines, length)
        head.length = length
        head.has_date = of.has_date
        return head


def plain(head: ResponseHead) -> Plain | None:
    """None when the answer has to pass as it is."""
    if 0 <= head.length < LEAST_BYTES or head.event_stream or head.status in _WITHOUT_BODY:
        return None
    lines = _rewritten(head.lines)
    return Plain(head, lines) if lines is not None else None


@lru_cache(maxsize=512)
def _rewritten(lines: bytes) -> bytes | None:
    """The lines of a compressed answer but for its coding and length."""
    fields: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(lines):
        name = name.lower()
        fields[name] = fields[name] + b"," + value if name in fields else value
    if not is_compressible(fields.get(b"content-type", b"")) or not _BINDS_THE_BYTES.isdisjoint(fields):
        return None
    if fields.get(b"content-encoding", b"identity").strip(b" \t").lower() != b"identity":
        return None
    if b"no-transform" in fields.get(b"cache-control", b"").lower():
        return None
    kept = [line for line in lines.split(b"\r\n") if line and not _is_dropped(line)]
    varies = [name.strip(b" \t").lower() for name in fields.get(b"vary", b"").split(b",")]
    if b"accept-encoding" not in varies and b"*" not in varies:
        kept.append(b"Vary: Accept-Encoding")
    return b"\r\n".join([_weakened(line) for line in kept] + [b""])


def _is_dropped(line: bytes) -> bool:
    name = line.partition(b":")[0].lower()
    return name in _NOT_OF_IT or name == b"content-encoding"


def _weakened(line: bytes) -> bytes:
    """The compressed bytes are not those that the tag promises."""
    name, _, value = line.partition(b":")
    tag = value.strip(b" \t")
    return b"ETag: W/%b" % tag if name.lower() == b"etag" and tag[:1] == b'"' else line
