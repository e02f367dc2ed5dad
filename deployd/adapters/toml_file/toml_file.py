"""Reads and writes deployd.toml, and notices edits through watchfiles."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from deployd.adapters.toml_file.rewriting import replace
from deployd.config import Config
from deployd.config_file import decoded, load, parse
from deployd.domain.errors import StateConflict
from deployd.ports.config_file import Rewritten
from deployd.settings.edit import CannotEdit, changed, lines_of_app, without_app

_QUIET_MS = 150
"""Editors write in several steps, at first often nothing at all: what is read has not changed for so long."""
_LONGEST_MS = 2_000
_LOOK_AGAIN_MS = 1_000
"""What was edited before the watch began, or where a file system tells of no changes, is found then."""
_MARK = "\ufeff".encode()


class TomlFile:
    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._seen: tuple[int, int, int] | None = None
        """The file as it was when it was read last."""

    async def load(self) -> Config:
        return await asyncio.to_thread(self._load)

    def _load(self) -> Config:
        self._seen = self._state()
        return load(self._path)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def change_app(self, app: str, changes: Mapping[str, object]) -> Rewritten:
        what = f"set {', '.join(f'`{field}`' for field in changes)}"
        return await asyncio.to_thread(self._rewrite, app, partial(changed, app=app, changes=changes), what)

    async def remove_app(self, app: str) -> Rewritten:
        return await asyncio.to_thread(self._rewrite, app, partial(without_app, app=app), "delete them")

    async def undo(self, rewritten: Rewritten) -> None:
        try:
            await asyncio.to_thread(replace, self._path.resolve(), rewritten.after, rewritten.before)
        except OSError as error:
            raise StateConflict(f"{self._path} cannot be put back as it was: {error.strerror}.") from error

    def _rewrite(self, app: str, edit: Callable[[str], str], what: str) -> Rewritten:
        target = self._path.resolve()
        before = target.read_bytes()
        text = decoded(before, self._path)
        parse(text, self._path)
        lines = lines_of_app(text, app)
        if lines is None:
            raise StateConflict(f"{self._path} has no table of app {app!r} any more: try again.")
        by_hand = f"App {app!r} stands in {self._path}, lines {lines[0]} to {lines[1]}: {what} there"
        try:
            after = before[: len(_MARK)] * before.startswith(_MARK) + edit(text).encode()
            parse(decoded(after, self._path), self._path)
            replace(target, before, after)
        except CannotEdit as error:
            raise StateConflict(f"{by_hand}, since {error}.") from error
        except OSError as error:
            raise StateConflict(f"{by_hand}, since deployd cannot write that file ({error.strerror}).") from error
        return Rewritten(before=before, after=after)

    async def edits(self) -> AsyncIterator[None]:
        """Watches folders: most editors replace the file, which ends a watch on the file itself.

        Where it is a link, that to which it leads is watched as well, and a link that is turned to another file is an
        edit, too.
        """
        while True:
            target = self._path.resolve()
            folders = {folder for folder in (self._path.parent, target.parent) if folder.is_dir()}
            async for changes in awatch(
                *folders,
                watch_filter=_Edits(self._path, target),
                debounce=_LONGEST_MS,
                step=_QUIET_MS,
                recursive=False,
                rust_timeout=_LOOK_AGAIN_MS,
                yield_on_timeout=True,
            ):
                if changes or self._was_edited():
                    self._seen = self._state()
                    yield
                if self._path.resolve() != target:
                    break

    def _was_edited(self) -> bool:
        """Not by being taken away: most editors put another file in its place a moment later."""
        now = self._state()
        return None not in (now, self._seen) and now != self._seen


class _Edits(DefaultFilter):
    def __init__(self, path: Path, target: Path) -> None:
        super().__init__()
        self._path = path
        self._target = target

    def __call__(self, change: Change, path: str) -> bool:
        if path in (str(self._path), str(self._target)):
            return change is not Change.deleted
        return self._path.resolve() != self._target
