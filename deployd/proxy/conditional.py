"""Whether a stored file has to be sent at all (RFC 9110 §13). Sans-I/O."""

import re
from email.utils import parsedate_to_datetime

_ANY = re.compile(rb"^(?:if-|range:)", re.I | re.M)


class Unsatisfiable(Exception):
    """The ranges lie beyond the end: 416."""


def is_conditional(fields: bytes) -> bool:
    """Whether anything but the whole file can be the answer: one look for most requests."""
    return _ANY.search(fields) is not None


def field(fields: bytes, name: bytes) -> bytes | None:
    """The value of the first field called `name` (lower case) in a block of header lines."""
    at = (b"\r\n" + fields.lower()).find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 1
    return fields[start : fields.index(b"\r\n", start)].strip(b" \t")


def precondition_fails(fields: bytes, etag: bytes, modified: bytes) -> bool:
    """If-Match decides alone when it is there, and takes no weak tags."""
    wanted = field(fields, b"if-match")
    if wanted is not None:
        return wanted != b"*" and all(tag.strip(b" \t") != etag for tag in wanted.split(b","))
    since = field(fields, b"if-unmodified-since")
    return since is not None and _is_after(modified, since) is True


def not_modified(fields: bytes, etag: bytes, modified: bytes) -> bool:
    """If-None-Match decides alone when it is there."""
    known = field(fields, b"if-none-match")
    if known is not None:
        return known == b"*" or any(_weakly(tag) == etag for tag in known.split(b","))
    since = field(fields, b"if-modified-since")
    return since is not None and _is_after(modified, since) is False


def wanted_range(fields: bytes, etag: bytes, modified: bytes) -> bytes | None:
    """The Range field, unless If-Range says that the client holds parts of another version."""
    wanted = field(fields, b"range")
    if wanted is None:
        return None
    condition = field(fields, b"if-range")
    return wanted if condition is None or condition in (etag, modified) else None


def _weakly(tag: bytes) -> bytes:
    return tag.strip(b" \t").removeprefix(b"W/")


def _is_after(modified: bytes, since: bytes) -> bool | None:
    """None when `since` is no date, so that its field counts as absent."""
    try:
        return parsedate_to_datetime(modified.decode()) > parsedate_to_datetime(since.decode("latin-1"))
    except (ValueError, TypeError):
        return None
