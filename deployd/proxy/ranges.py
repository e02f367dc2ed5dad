"""The parts of a file that a client asks for (RFC 9110 §14). Sans-I/O."""

import re

from deployd.proxy.conditional import Unsatisfiable

Span = tuple[int, int]
"""The first byte and the one after the last."""

MOST_RANGES = 16

_UNIT = re.compile(rb"bytes=(.+)", re.I | re.S)
_RANGE = re.compile(rb"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")


def spans(wanted: bytes, size: int) -> list[Span]:
    """In the order asked for, overlapping ones as one. Empty: the whole file is to be sent, since the field cannot be
    read or asks for too many parts. Unsatisfiable when all of them lie beyond the end."""
    unit = _UNIT.fullmatch(wanted)
    members = unit[1].split(b",") if unit is not None else []
    if not 0 < len(members) <= MOST_RANGES:
        return []
    found: list[Span] = []
    for member in members:
        match = _RANGE.fullmatch(member)
        if match is None or not (match[1] or match[2]) or (match[1] and match[2] and int(match[2]) < int(match[1])):
            return []
        span = _span(match[1], match[2], size)
        if span is not None:
            _add(found, span)
    if not found:
        raise Unsatisfiable
    return found


def _span(first: bytes, last: bytes, size: int) -> Span | None:
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    return (start, stop) if start < stop else None


def _add(found: list[Span], span: Span) -> None:
    """Joins what overlaps or touches, at the place of the first of them."""
    start, stop = span
    place = len(found)
    for at in range(len(found) - 1, -1, -1):
        other = found[at]
        if start <= other[1] and other[0] <= stop:
            start, stop, place = min(start, other[0]), max(stop, other[1]), at
            del found[at]
    found.insert(place, (start, stop))


def part_head(boundary: bytes, content_type: bytes, span: Span, size: int) -> bytes:
    """What stands before a part of a multipart/byteranges body."""
    return b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (
        boundary,
        content_type,
        span[0],
        span[1] - 1,
        size,
    )


def last_line(boundary: bytes) -> bytes:
    return b"\r\n--%b--\r\n" % boundary
