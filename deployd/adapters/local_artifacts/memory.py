"""Remembers what a folder looked like when it was packed, so that one that looks the same is not packed again.

A look is sizes and times, as with make or git. Where the looks differ but few files do, only those are read: tools
like to write the same thing again. It lies beside the artifacts, where no build can write.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from deployd.adapters.local_artifacts.packing import Digests, digests_of
from deployd.adapters.local_artifacts.tree import FILE, Entry, Part
from deployd.kernel.in_thread import Check

_SECOND = 1_000_000_000

Look = tuple[int, int, int]
"""Size, time and inode."""
Files = dict[bytes, tuple[Look, bytes]]


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """`part` is what was made of it; `files` is decoded only when the looks differ."""

    part: str
    looks: bytes
    contents: bytes
    files: msgspec.Raw


def looks_of(part: Part) -> bytes:
    """A digest over all that is seen without opening a file."""
    lines = [f"{e.name}\0{e.kind!r}{e.executable}{_look(e) if e.kind == FILE else e.target}" for e in part.entries]
    return hashlib.sha256(os.fsencode("\0\0".join(lines))).digest()


def read_seen(file: Path) -> Seen | None:
    """None when nothing is remembered, or not legibly."""
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=Seen)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def same_content(seen: Seen, part: Part, looks: bytes, check: Check) -> Seen | None:
    """Reads the files that look otherwise. What to remember now, when all of it turns out to be as it was."""
    try:
        files = msgspec.msgpack.decode(seen.files, type=Files)
    except msgspec.DecodeError:
        return None
    known = {
        entry.name: told[1]
        for entry in part.entries
        if entry.kind == FILE and (told := files.get(os.fsencode(entry.name))) is not None and told[0] == _look(entry)
    }
    unknown = [entry for entry in part.entries if entry.kind == FILE and entry.name not in known]
    contents = known | digests_of(part.folder, unknown, check)
    fresh = remember(part, looks, contents, seen.part)
    return fresh if fresh.contents == seen.contents else None


def remember(part: Part, looks: bytes, contents: Digests, digest: str) -> Seen:
    files, whole = {}, hashlib.sha256()
    for entry in part.entries:
        name, told = os.fsencode(entry.name), os.fsencode(entry.target)
        if entry.kind == FILE:
            told = contents[entry.name]
            files[name] = (_look(entry), told)
        whole.update(b"%b%d%d:%b%d:%b" % (entry.kind, entry.executable, len(name), name, len(told), told))
    return Seen(digest, looks, whole.digest(), msgspec.Raw(msgspec.msgpack.encode(files)))


def _look(entry: Entry) -> Look:
    """A time of whole seconds was given by an archive, to any content: then it must be the same inode as well."""
    return entry.size, entry.mtime_ns, 0 if entry.mtime_ns % _SECOND else entry.inode
