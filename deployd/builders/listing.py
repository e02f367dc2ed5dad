"""Reads a checked-out project from the disk for detection: a bounded listing, and small texts that lie inside it."""

import os
from pathlib import Path

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

_MOST_FILES = 100_000
_MOST_BYTES = 8 << 20
_SKIPPED = frozenset({"node_modules", ".venv", ".git"})


def list_project(folder: Path) -> Project:
    """BuildFailed when it holds more files than anyone checks in. Links to folders are not followed."""
    files: set[str] = set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        inside = os.path.relpath(parent, folder)
        files.update(name if inside == "." else f"{inside}/{name}" for name in names)
        if len(files) > _MOST_FILES:
            raise BuildFailed(f"The repository holds more than {_MOST_FILES:,} files; that is not supported.")
    root = folder.resolve()
    return Project(files=frozenset(files), read=lambda name: _read(root, name))


def _read(root: Path, name: str) -> str:
    """A link could lead to a file of this host, whose text would then be shown in an error."""
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise BuildFailed(f"{name} is a link that leads out of the repository; make it a file.")
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BuildFailed(f"{name} cannot be read: {error.strerror}.") from error
    if len(content) > _MOST_BYTES:
        raise BuildFailed(f"{name} is larger than {_MOST_BYTES >> 20} MiB.")
    return content.decode("utf-8", "replace")
