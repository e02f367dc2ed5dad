"""Brings a fingerprinted tree to another place: by hard links where nothing writes to it, else by copies."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

import msgspec

from deployd.builders.caches.fingerprint import Entry, entry_at
from deployd.kernel.in_thread import Check

_FICLONE = 0x40049409
_CHUNK = 1 << 26
_OPEN = 0o700
_ROOT = 0


class Owner(msgspec.Struct, frozen=True):
    """Whose the planted files are; as root, that is the user that steps run as."""

    uid: int
    gid: int

    @classmethod
    def of(cls, folder: Path) -> "Owner":
        info = os.lstat(folder)
        return cls(info.st_uid, info.st_gid)

    def give(self, path: bytes) -> None:
        if os.geteuid() == _ROOT:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


class Everything:
    """As the set of paths to copy: all of them."""

    def __contains__(self, path: object) -> bool:
        return True


def find_changed(entries: Iterable[Entry], root: Path, check: Check) -> list[bytes]:
    """What in `root` is not as the entries say."""
    top = os.fsencode(root)
    changed = []
    for entry in entries:
        check()
        now = entry_at(top, entry.path)
        if now is None or not entry.same(now):
            changed.append(entry.path)
    return changed


def plant(
    entries: Sequence[Entry], source: Path, target: Path, owner: Owner, check: Check, copied: Container[bytes] = ()
) -> None:
    """Puts `entries` of `source` into `target`, where none of them is yet; files and links in `copied` as copies.

    OSError when the disk is full, or `source` does not hold them any more.
    """
    old, new = os.fsencode(source), os.fsencode(target)
    for entry in entries:
        check()
        path = b"/" + entry.path
        if entry.is_folder:
            os.mkdir(new + path, _OPEN)
            owner.give(new + path)
        elif entry.path in copied or not _linked(old + path, new + path):
            copy(entry, old + path, new + path, owner)
    _finish_folders(entries, new)


def make_way(root: Path, folders: Iterable[str], owner: Owner) -> None:
    """Makes the folders that lead to `folders`, whose places were checked."""
    for folder in folders:
        way = os.fsencode(root)
        for part in os.path.dirname(os.fsencode(folder)).split(b"/"):
            way += b"/" + part
            with contextlib.suppress(FileExistsError):
                os.mkdir(way, 0o755)
                owner.give(way)


def copy(entry: Entry, old: bytes, new: bytes, owner: Owner) -> None:
    """A file or link; shares its blocks with the first where the filesystem can do that."""
    if stat.S_ISLNK(entry.mode):
        os.symlink(entry.target, new)
        owner.give(new)
        os.utime(new, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)
        return
    source = os.open(old, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OPEN)
        try:
            _copy_content(source, target)
            owner.give(new)
            os.fchmod(target, stat.S_IMODE(entry.mode))
            os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_content(source: int, target: int) -> None:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        while os.sendfile(target, source, None, _CHUNK):
            pass


def _linked(old: bytes, new: bytes) -> bool:
    """False where the two lie on different filesystems, or the filesystem knows no (more) links to it."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    return True


def _finish_folders(entries: Sequence[Entry], new: bytes) -> None:
    """Rights and times as they were: npm, for one, reads from times whether its own listing is still good."""
    for entry in reversed(entries):
        if entry.is_folder:
            os.chmod(new + b"/" + entry.path, stat.S_IMODE(entry.mode))
            os.utime(new + b"/" + entry.path, ns=(entry.mtime_ns, entry.mtime_ns))
