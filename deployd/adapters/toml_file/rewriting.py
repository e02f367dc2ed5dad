"""Replaces a file's content at once: it is whole at every moment, and keeps its mode, its owner and its labels."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from deployd.domain.errors import StateConflict


def replace(file: Path, before: bytes, after: bytes) -> None:
    """`file` must be no link. OSError when it cannot be; StateConflict when it is no longer what it was."""
    seen = file.stat()
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(handle, "wb") as new:
            new.write(after)
            new.flush()
            _like(seen, file, handle)
            os.fsync(handle)
        if file.read_bytes() != before or _identity(file.stat()) != _identity(seen):
            raise StateConflict(f"{file} was changed by somebody else just now: look at it and try again.")
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _like(seen: os.stat_result, file: Path, handle: int) -> None:
    now = os.fstat(handle)
    if (now.st_uid, now.st_gid) != (seen.st_uid, seen.st_gid):
        os.fchown(handle, seen.st_uid, seen.st_gid)
    os.fchmod(handle, seen.st_mode & 0o7777)
    with suppress(OSError):  # Access lists and labels: not every file system has them, nor may everybody set them.
        for label in os.listxattr(file):
            os.setxattr(handle, label, os.getxattr(file, label))


def _identity(seen: os.stat_result) -> tuple[int, int, int]:
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
