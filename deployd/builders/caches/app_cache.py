"""One app's cache folder: what its builds may write to, and beside it what only deployd keeps from them."""

import os
from pathlib import Path

from deployd.builders.caches.budget import keep_below, tools_folders
from deployd.builders.caches.kept_folders import KeptFolders
from deployd.builders.caches.trees import Trees
from deployd.kernel.in_thread import Check
from deployd.removal import remove

ATOMIC = frozenset({"npm", "pnpm", "bun", "uv", "xdg/pnpm", "xdg/yarn"})
"""Caches below `work` whose tools were killed in their midst again and again, and always installed the same after."""

_INTERRUPTED = "interrupted"


class AppCache:
    """All methods block; `folder` is whole again after `open`, whatever was killed before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.work = folder / "work"
        self.trees = Trees(folder / "trees")
        self.kept = KeptFolders(folder / "kept")

    def open(self) -> None:
        """Clears what a build before this one has left half-made."""
        self._clear()
        if (self._folder / _INTERRUPTED).exists():
            _clear_doubtful(self.work)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _INTERRUPTED).touch()

    def close(self) -> None:
        """No tool was stopped while it wrote to its download cache. Not called, that is what the next build assumes."""
        (self._folder / _INTERRUPTED).unlink(missing_ok=True)

    def tidy(self, most_bytes: int, check: Check) -> None:
        """Makes the cache ready for the next build and keeps it below its budget. OSError when it cannot."""
        self._clear()
        keep_below(self._folder, most_bytes)
        self.trees.make_spare(check)

    def _clear(self) -> None:
        self.trees.clear()
        self.kept.clear()


def _clear_doubtful(work: Path) -> None:
    """Removes every tool's cache that is not known to survive the death of the tool."""
    for path in tools_folders(work):
        if os.path.relpath(path, work) not in ATOMIC:
            remove(path)
