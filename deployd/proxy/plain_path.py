"""A path the way a lenient app may read it, to notice when that leads past a rule about prefixes. Sans-I/O."""

import re
from urllib.parse import unquote_to_bytes

_SUSPECT = re.compile(rb"[%\\;]|//|/\.")
_SEPARATORS = re.compile(rb"[/\\]+")


def plain_path(path: bytes) -> bytes:
    """Decoded once, without dot segments, empty segments and the parameters behind `;`; backslashes are slashes."""
    if not _SUSPECT.search(path):
        return path
    kept: list[bytes] = []
    for segment in _SEPARATORS.split(unquote_to_bytes(path)):
        name = segment.partition(b";")[0]
        if name == b"..":
            del kept[-1:]
        elif name not in (b"", b"."):
            kept.append(name)
    return b"/" + b"/".join(kept)
