"""Reads deployd.toml and notices edits through watchfiles."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from deployd.config import Config
from deployd.config_file import load

_QUIET_MS = 150
"""Editors write in several steps, at first often nothing at all: what is read has not changed for so long."""
_LONGEST_MS = 2_000


class TomlFile:
    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    async def load(self) -> Config:
        return await asyncio.to_thread(load, self._path)

    async def edits(self) -> AsyncIterator[None]:
        """Watches folders: most editors replace the file, which ends a watch on the file itself.

        Where it is a link, that to which it leads is watched as well, and a link that is turned to another file is an
        edit, too.
        """
        while True:
            target = self._path.resolve()
            folders = {folder for folder in (self._path.parent, target.parent) if folder.is_dir()}
            async for _ in awatch(
                *folders,
                watch_filter=_Edits(self._path, target),
                debounce=_LONGEST_MS,
                step=_QUIET_MS,
                recursive=False,
            ):
                yield
                if self._path.resolve() != target:
                    break


class _Edits(DefaultFilter):
    def __init__(self, path: Path, target: Path) -> None:
        super().__init__()
        self._path = path
        self._target = target

    def __call__(self, change: Change, path: str) -> bool:
        if path in (str(self._path), str(self._target)):
            return change is not Change.deleted
        return self._path.resolve() != self._target
