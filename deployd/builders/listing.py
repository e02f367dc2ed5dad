"""Reads a checked-out project from the disk for detection: a bounded listing, and small texts that lie inside it."""

import os
import stat
from pathlib import Path

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

_MOST_FILES = 200_000
_MOST_BYTES = 8 << 20
_SKIPPED = frozenset({"node_modules", ".venv", ".git", "__pycache__"})


def list_project(folder: Path, most_files: int = _MOST_FILES) -> Project:
    """BuildFailed when it holds more files than anyone checks in. Links to folders are not followed.

    Names that are not UTF-8 are left out: they go into the build like all others, but no plan can speak of them.
    """
    names = _names(str(folder), most_files)
    root = folder.resolve()
    return Project(files=frozenset(filter(_is_text, names)), read=lambda name: _read(root, name))


def _names(folder: str, most_files: int) -> list[str]:
    """Nothing is looked at twice: this is most of what a plan costs."""
    names: list[str] = []
    unread = [("", folder)]
    while unread:
        prefix, path = unread.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    if not entry.is_dir(follow_symlinks=False):
                        names.append(prefix + name)
                    elif name not in _SKIPPED:
                        unread.append((f"{prefix}{name}/", f"{path}/{name}"))
        except OSError as error:
            where = prefix.encode("utf-8", "replace").decode() or "The project"
            raise BuildFailed(f"{where} cannot be read: {error.strerror}.") from error
        if len(names) > most_files:
            raise BuildFailed(f"The repository holds more than {most_files:,} files; that is not supported.")
    return names


def _is_text(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(root: Path, name: str) -> str:
    """A link could lead to a file of this host, whose text would then be shown in an error."""
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise BuildFailed(f"{name} is a link that leads out of the repository; make it a file.")
        content = _content(path)
    except (OSError, RuntimeError) as error:  # RuntimeError is what a loop of links is to pathlib before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else "a link that leads to itself"
        raise BuildFailed(f"{name} cannot be read: {reason}.") from error
    if content is None:
        raise BuildFailed(f"{name} is not a regular file; make it one.")
    if len(content) > _MOST_BYTES:
        raise BuildFailed(f"{name} is larger than {_MOST_BYTES >> 20} MiB.")
    return content.decode("utf-8", "replace")


def _content(path: Path) -> bytes | None:
    """None when it is a folder, pipe or device; opened so that a pipe without a writer keeps nobody waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_MOST_BYTES + 1)
    finally:
        os.close(descriptor)
