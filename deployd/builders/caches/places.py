"""Where folders of a project really lie: builds are hostile, and a link on the way could lead anywhere on this host."""

import os
from collections.abc import Iterable
from pathlib import Path


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
