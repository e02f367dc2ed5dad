"""Keeps all that is cached for an app below its share of the disk: what was used longest ago goes first."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deployd.builders.caches.trees import SIZE
from deployd.removal import remove

_SPLIT = "xdg"
"""A folder of `work` that holds one folder for each of several tools."""

_BLOCK = 512


class Cached(msgspec.Struct, frozen=True):
    """Something that can go on its own."""

    path: Path
    bytes: int
    used_ns: int


def keep_below(folder: Path, most_bytes: int) -> int:
    """The bytes set free in the app's cache `folder`. OSError when something cannot be removed."""
    cached = sorted(_all(folder), key=lambda one: one.used_ns)
    total, freed = sum(one.bytes for one in cached), 0
    for one in cached:
        if total - freed <= most_bytes:
            break
        remove(one.path)
        freed += one.bytes
    return freed


def tools_folders(work: Path) -> Iterator[Path]:
    """One for each tool that keeps something there."""
    for path in _children(work):
        if path.name == _SPLIT and not path.is_symlink():
            yield from _children(path)
        else:
            yield path


def _all(folder: Path) -> Iterator[Cached]:
    # Trees and kept folders are touched when used; what they hold keeps the times of when it was made.
    for path in _children(folder / "trees"):
        if path.is_dir():
            yield Cached(path, _said_size(path), path.lstat().st_mtime_ns)
    for path in _children(folder / "kept"):
        yield Cached(path, _measure(path)[0], path.lstat().st_mtime_ns)
    for path in tools_folders(folder / "work"):
        yield Cached(path, *_measure(path))


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _said_size(tree: Path) -> int:
    try:
        return int((tree / SIZE).read_text())
    except (FileNotFoundError, ValueError):
        return _measure(tree)[0]


def _measure(path: Path) -> tuple[int, int]:
    """Bytes on the disk, and when something in it was last written. What is under way to disappear is left out."""
    info = path.lstat()
    total, newest = info.st_blocks * _BLOCK, info.st_mtime_ns
    waiting = [str(path)] if stat.S_ISDIR(info.st_mode) else []
    while waiting:
        with contextlib.suppress(FileNotFoundError), os.scandir(waiting.pop()) as children:
            for child in children:
                info = child.stat(follow_symlinks=False)
                total += info.st_blocks * _BLOCK
                newest = max(newest, info.st_mtime_ns)
                if stat.S_ISDIR(info.st_mode):
                    waiting.append(child.path)
    return total, newest
