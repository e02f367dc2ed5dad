"""Brings a fingerprinted tree to another place: by hard links where nothing writes to it, else by copies.

Builds may be at work in the tree meanwhile. So no link on the way to a file is ever followed: each folder is opened
from the one above it, and named by its descriptor from then on.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import msgspec

from deployd.builders.caches.fingerprint import Entry, entry_at
from deployd.kernel.in_thread import Check

_FICLONE = 0x40049409
_CHUNK = 1 << 26
_OPEN = 0o700
_ROOT = 0
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Owner(msgspec.Struct, frozen=True):
    """Whose the planted files are; as root, that is the user that steps run as."""

    uid: int
    gid: int

    @classmethod
    def of(cls, folder: Path) -> "Owner":
        info = os.lstat(folder)
        return cls(info.st_uid, info.st_gid)

    def give(self, path: bytes, folder: int | None = None) -> None:
        """`path` is below `folder`, where that is given."""
        if os.geteuid() == _ROOT:
            os.chown(path, self.uid, self.gid, dir_fd=folder, follow_symlinks=False)


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
    """Puts `entries` of `source` into `target`, where only folders may be yet; files and links in `copied` as copies.

    Rights and times of folders come last, with `finish_folders`. OSError when the disk is full, or `source` does not
    hold them any more.
    """
    for folder, held in groupby(entries, key=lambda entry: os.path.dirname(entry.path)):
        check()
        with _opened(source, folder) as old, _opened(target, folder) as new:
            for entry in held:
                name = os.path.basename(entry.path)
                if entry.is_folder:
                    _make_folder(name, new, owner)
                elif entry.path in copied or not _linked(name, old, new):
                    _copy(entry, name, old, new, owner)


def plant_whole(
    entries: Sequence[Entry], source: Path, target: Path, owner: Owner, check: Check, copied: Container[bytes] = ()
) -> None:
    plant(entries, source, target, owner, check, copied)
    finish_folders(entries, target)


def finish_folders(entries: Sequence[Entry], target: Path) -> None:
    """Rights and times as they were: npm, for one, reads from times whether its own listing is still good."""
    new = os.fsencode(target)
    for entry in reversed(entries):
        if entry.is_folder:
            os.chmod(new + b"/" + entry.path, stat.S_IMODE(entry.mode))
            os.utime(new + b"/" + entry.path, ns=(entry.mtime_ns, entry.mtime_ns))


def make_way(root: Path, folders: Iterable[str], owner: Owner) -> None:
    """Makes the folders that lead to `folders`, whose places were checked."""
    for folder in folders:
        way = os.fsencode(root)
        for part in os.path.dirname(os.fsencode(folder)).split(b"/"):
            way += b"/" + part
            with contextlib.suppress(FileExistsError):
                os.mkdir(way, 0o755)
                owner.give(way)


@contextmanager
def _opened(root: Path, folder: bytes) -> Iterator[int]:
    """OSError when a part of the way is a link by now."""
    place = os.open(root, _FOLDER)
    try:
        for part in folder.split(b"/") if folder else ():
            above, place = place, os.open(part, _FOLDER, dir_fd=place)
            os.close(above)
        yield place
    finally:
        os.close(place)


def _make_folder(name: bytes, new: int, owner: Owner) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _OPEN, dir_fd=new)
        owner.give(name, new)


def _copy(entry: Entry, name: bytes, old: int, new: int, owner: Owner) -> None:
    """A file or link; shares its blocks with the first where the filesystem can do that."""
    if stat.S_ISLNK(entry.mode):
        os.symlink(entry.target, name, dir_fd=new)
        owner.give(name, new)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=new, follow_symlinks=False)
        return
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=old)
    try:
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OPEN, dir_fd=new)
        try:
            _copy_content(source, target)
            owner.give(name, new)
            os.fchmod(target, stat.S_IMODE(entry.mode))
            os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(target)
        _check_same(entry, os.fstat(source))
    finally:
        os.close(source)


def _check_same(entry: Entry, now: os.stat_result) -> None:
    if (now.st_mode, now.st_size, now.st_mtime_ns) != (entry.mode, entry.size, entry.mtime_ns):
        raise OSError(errno.ESTALE, "a file was changed while it was copied", os.fsdecode(entry.path))


def _copy_content(source: int, target: int) -> None:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        while os.sendfile(target, source, None, _CHUNK):
            pass


def _linked(name: bytes, old: int, new: int) -> bool:
    """False where the two lie on different filesystems, or the filesystem knows no (more) links to it."""
    try:
        os.link(name, name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    return True
