"""Reads deployd.toml and notices edits through watchfiles."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from deployd.config import Config
from deployd.config_file import load

_BURST_MS = 100
"""Editors write in several steps; one burst is one edit."""


class TomlFile:
    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    async def load(self) -> Config:
        return await asyncio.to_thread(load, self._path)

    async def edits(self) -> AsyncIterator[None]:
        """Watches the folder: most editors replace the file, which ends a watch on the file itself."""
        async for _ in awatch(
            self._path.parent, watch_filter=_Only(self._path), debounce=_BURST_MS, step=20, recursive=False
        ):
            yield


class _Only(DefaultFilter):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = str(path)

    def __call__(self, change: Change, path: str) -> bool:
        return path == self._file and change is not Change.deleted
