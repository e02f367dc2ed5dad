"""Where folders of a project really lie: builds are hostile, and a link on the way could lead anywhere on this host."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_RIGHTS = 0o700


def reachable(project: Path, folder: str) -> bool:
    """Whether the name is of something below the project, and no part of the way there is a link.

    What is missing counts as in its place. True for as long as no process of the build runs.
    """
    parts = folder.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return False
    return not any(os.path.islink(project.joinpath(*parts[:length])) for length in range(1, len(parts)))


def inside(project: Path, folder: str) -> bool:
    """The same, and it is no link itself."""
    return reachable(project, folder) and not os.path.islink(project / folder)


def outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once, without those that lie in another."""
    kept: list[str] = []
    for folder in sorted({os.path.normpath(folder) for folder in folders}):
        if not any(folder.startswith(f"{other}/") for other in kept):
            kept.append(folder)
    return tuple(kept)


def remove(path: Path) -> None:
    """A file, a link or a whole folder; nothing when it is not there. Folders that were made read-only go too."""
    try:
        folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if folder:
        shutil.rmtree(path, onerror=_unlock_and_try_again)
    else:
        path.unlink()


def _unlock_and_try_again(function: Callable[..., Any], path: str, error: Any) -> None:
    """Package caches (Go's) take the right to write away from their own folders; as root that does not matter."""
    if isinstance(error[1], FileNotFoundError):
        return
    if not isinstance(error[1], PermissionError) or os.path.islink(path):
        raise error[1]
    os.chmod(os.path.dirname(path), _RIGHTS)
    if os.path.isdir(path):
        os.chmod(path, _RIGHTS)
        shutil.rmtree(path)
    else:
        os.unlink(path)
