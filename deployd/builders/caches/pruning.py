"""Does again, without the package manager, what it did when it last removed the packages for the build only."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from deployd.builders.caches.fingerprint import Entry, entry_at
from deployd.builders.caches.places import inside
from deployd.builders.caches.planting import Owner

_MOST_BYTES = 16 << 20


class Written(msgspec.Struct, frozen=True, array_like=True):
    """A file, folder or link that pruning made or changed: what it is now, and what it was when installed."""

    now: Entry
    was: Entry | None
    content: bytes = b""


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """What `steps` did: `removed` with all they held, then `written` in this order."""

    steps: tuple[str, ...]
    removed: list[Entry]
    written: list[Written]


def find_difference(
    project: Path,
    steps: tuple[str, ...],
    installed: Sequence[Entry],
    before: Sequence[Entry],
    after: Sequence[Entry],
    since_ns: int,
) -> Difference | None:
    """None when pruning touched what the build itself had made: then it may be something else the next time.

    `before` may not know what the build had overwritten in place; that is told by the time at which pruning began.
    """
    first, old, new = _by_path(installed), _by_path(before), _by_path(after)
    removed = [entry for entry in before if entry.path not in new and _is_outermost(entry, old, new)]
    written = [
        Written(entry, old.get(entry.path), b"")
        for entry in after
        if (was := old.get(entry.path)) is None or (not entry.same(was) and _changed_since(project, entry, since_ns))
    ]
    touched = [*removed, *(entry.was for entry in written if entry.was)]
    known = all((origin := first.get(entry.path)) and origin.same(entry) for entry in touched)
    same_kind = all(not (one.was and (one.was.is_folder or one.now.is_folder)) for one in written)
    if not known or not same_kind or sum(one.now.size for one in written) > _MOST_BYTES:
        return None
    return Difference(steps, removed, [Written(one.now, one.was, _content(project, one.now)) for one in written])


def apply_difference(project: Path, difference: Difference, discard: Callable[[Path], None]) -> bool:
    """False, and nothing done, unless everything that it touches is as it was installed."""
    root = os.fsencode(project)
    if not all(_fits(project, root, *pair) for pair in _expected(difference)):
        return False
    owner = Owner.of(project)
    for entry in difference.removed:
        discard(project / os.fsdecode(entry.path))
    for written in difference.written:
        _write(root + b"/" + written.now.path, written, owner)
    return True


def _by_path(entries: Sequence[Entry]) -> dict[bytes, Entry]:
    return {entry.path: entry for entry in entries}


def _is_outermost(entry: Entry, old: Mapping[bytes, Entry], new: Mapping[bytes, Entry]) -> bool:
    """Its folder is still there, or is none of those that were looked at."""
    parent = os.path.dirname(entry.path)
    return parent in new or parent not in old


def _changed_since(project: Path, entry: Entry, since_ns: int) -> bool:
    return os.lstat(os.fsencode(project) + b"/" + entry.path).st_ctime_ns >= since_ns


def _content(project: Path, entry: Entry) -> bytes:
    if not stat.S_ISREG(entry.mode):
        return b""
    path = os.fsencode(project) + b"/" + entry.path
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(_MOST_BYTES)


def _expected(difference: Difference) -> Iterator[tuple[bytes, Entry | None]]:
    for entry in difference.removed:
        yield entry.path, entry
    for written in difference.written:
        yield written.now.path, written.was


def _fits(project: Path, root: bytes, path: bytes, expected: Entry | None) -> bool:
    """A folder to be removed may hold more by now: it goes with all it holds, as the package manager would do it."""
    now = entry_at(root, path)
    as_expected = now is None if expected is None else now is not None and expected.same(now)
    # The last part may be a link of the packages' own; what leads to it may not.
    parent = os.fsdecode(os.path.dirname(path))
    return as_expected and (not parent or inside(project, parent))


def _write(path: bytes, written: Written, owner: Owner) -> None:
    """A file is made anew: the one that is there may be linked to the kept tree."""
    if written.was is not None:
        os.unlink(path)
    mode = stat.S_IMODE(written.now.mode)
    if written.now.is_folder:
        os.mkdir(path)
        os.chmod(path, mode)
    elif written.now.target:
        os.symlink(written.now.target, path)
    else:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(written.content)
            os.fchmod(file.fileno(), mode)
    owner.give(path)
