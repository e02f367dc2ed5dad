"""The 512-byte headers of tar, written and read without the cost of a general library.

Packages are tens of thousands of small files: with the standard library's tarfile, headers take longer than content.
Written are GNU headers; read are those too, and the POSIX ones of earlier artifacts. Any tar reads what is written.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from deployd.adapters.local_artifacts.tree import FILE, FOLDER, LINK

BLOCK = 512
END = bytes(2 * BLOCK)
_LONG_NAME, _LONG_TARGET, _POSIX = b"L", b"K", b"x"
_MOST_EXTRA = 1 << 20
_NAME = 100
_OWNER_AND_GROUP = b"0000000\0" * 2
_TIME = b"00000000000\0"
_MAGIC = b"ustar  \0"
_SIZE_DIGITS = 11


class BadArtifact(ValueError):
    """The text says what is wrong with it."""


class Header(NamedTuple):
    name: str
    kind: bytes
    executable: bool
    size: int
    target: str


def write_header(header: Header) -> bytes:
    """Owner and time are always the same, so that equal content gives equal bytes."""
    name, target = os.fsencode(header.name), os.fsencode(header.target)
    mode = {FOLDER: 0o755, LINK: 0o777}.get(header.kind, 0o755 if header.executable else 0o644)
    block = _block(name, header.kind, mode, header.size, target)
    if len(target) > _NAME:
        block = _extra(_LONG_TARGET, target) + block
    return _extra(_LONG_NAME, name) + block if len(name) > _NAME else block


def padding(size: int) -> bytes:
    """What fills the last block of content."""
    return bytes(-size % BLOCK)


def read_header(take: Callable[[int], bytes]) -> Header | None:
    """None at the end. `take` gives exactly so many bytes. BadArtifact for what cannot be understood.

    The checksum is not looked at: the digest of the whole has vouched for every byte.
    """
    known: dict[bytes, bytes] = {}
    while True:
        block = take(BLOCK)
        kind = block[156:157]
        if kind == b"\0" and block == bytes(BLOCK):
            return None
        size = _number(known.get(b"size"), block)
        if kind not in (_LONG_NAME, _LONG_TARGET, _POSIX):
            name = os.fsdecode(known.get(b"path", block[:_NAME].split(b"\0", 1)[0])).rstrip("/")
            target = os.fsdecode(known.get(b"linkpath", block[157:257].split(b"\0", 1)[0]))
            return Header(name, kind, _octal(block[100:108]) & 0o111 != 0, size if kind == FILE else 0, target)
        if size > _MOST_EXTRA:
            raise BadArtifact("the archive holds a name longer than any path")
        content = take(size + -size % BLOCK)[:size]
        if kind == _POSIX:
            known |= _records(content)
        else:
            known[b"path" if kind == _LONG_NAME else b"linkpath"] = content.rstrip(b"\0")


def _block(name: bytes, kind: bytes, mode: int, size: int, target: bytes) -> bytes:
    digits = b"%011o\0" % size
    if len(digits) > _SIZE_DIGITS + 1:
        digits = b"\x80" + size.to_bytes(_SIZE_DIGITS, "big")
    head = b"%b%07o\0%b%b%b" % (name[:_NAME].ljust(_NAME, b"\0"), mode, _OWNER_AND_GROUP, digits, _TIME)
    tail = b"%b%b%b" % (kind, target[:_NAME].ljust(_NAME, b"\0"), _MAGIC)
    checksum = sum(head) + sum(tail) + 8 * 32
    return (b"%b%06o\0 %b" % (head, checksum, tail)).ljust(BLOCK, b"\0")


def _extra(kind: bytes, text: bytes) -> bytes:
    """A header of its own before the one whose name or target does not fit."""
    text += b"\0"
    return _block(b"././@LongLink", kind, 0, len(text), b"") + text + padding(len(text))


def _number(told: bytes | None, block: bytes) -> int:
    field = block[124:136]
    if told is not None and told.isdigit():
        return int(told)
    return int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)


def _octal(field: bytes) -> int:
    digits = field.strip(b"\0 ")
    if digits.strip(b"01234567"):
        raise BadArtifact("the archive holds a header that cannot be read")
    return int(digits or b"0", 8)


def _records(content: bytes) -> dict[bytes, bytes]:
    """`LENGTH KEY=VALUE` lines; the length counts itself."""
    found = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or not len(length) < int(length) <= len(content):
            raise BadArtifact("the archive holds a header that cannot be read")
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key] = value
        content = content[int(length) :]
    return found
