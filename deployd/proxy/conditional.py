"""Whether a stored file has to be sent at all, and which part of it (RFC 9110 §13 and §14). Sans-I/O."""

import re
from email.utils import parsedate_to_datetime

_RANGE = re.compile(rb"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.I)


class Unsatisfiable(Exception):
    """The range lies beyond the end: 416."""


def field(fields: bytes, name: bytes) -> bytes | None:
    """The value of the first field called `name` (lower case) in a block of header lines."""
    at = (b"\r\n" + fields.lower()).find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 1
    return fields[start : fields.index(b"\r\n", start)].strip(b" \t")


def not_modified(fields: bytes, etag: bytes, modified: bytes) -> bool:
    """If-None-Match decides alone when it is there."""
    known = field(fields, b"if-none-match")
    if known is not None:
        return known == b"*" or any(_weakly(tag) == etag for tag in known.split(b","))
    since = field(fields, b"if-modified-since")
    return since is not None and _not_after(modified, since)


def byte_range(fields: bytes, size: int, etag: bytes, modified: bytes) -> tuple[int, int] | None:
    """First byte and the one after the last; None means the whole file, as for several ranges or a stale If-Range."""
    wanted = field(fields, b"range")
    match = _RANGE.fullmatch(wanted) if wanted is not None else None
    if match is None or not (match[1] or match[2]):
        return None
    condition = field(fields, b"if-range")
    if condition is not None and condition not in (etag, modified):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
        if not int(match[2]):
            raise Unsatisfiable
    else:
        start = int(match[1])
        stop = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise Unsatisfiable
    return start, stop


def _weakly(tag: bytes) -> bytes:
    return tag.strip(b" \t").removeprefix(b"W/")


def _not_after(modified: bytes, since: bytes) -> bool:
    try:
        return parsedate_to_datetime(modified.decode()) <= parsedate_to_datetime(since.decode("latin-1"))
    except (ValueError, TypeError):
        return False
