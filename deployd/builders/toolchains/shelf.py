"""The folder NAME/VERSION/bin of every tool that is installed here: there whole or not at all, shared by all builds."""

import asyncio
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from deployd.kernel.clock import Clock

_UNFINISHED = ".unfinished-"
_OURS = frozenset({"npm-client"})
"""What installs the others; never in a plan, never deleted."""


class Scratch(msgspec.Struct, frozen=True):
    """A new folder of one installation: what ends up in `tree` is kept, `cache` is for its downloads."""

    tree: Path
    cache: Path


class Shelf:
    """A version that a build asked for within `lease_seconds` is not deleted: that build may still be using it."""

    def __init__(self, folder: Path, clock: Clock, lease_seconds: float) -> None:
        self.folder = folder
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._asked: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def open(self) -> None:
        """Clears what an earlier deployd left unfinished. Blocks; before the first build."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left)

    def versions(self, name: str) -> tuple[str, ...]:
        return tuple(path.name for path in (self.folder / name).glob("*") if self.has(name, path.name))

    def has(self, name: str, version: str) -> bool:
        """A program of the host that is linked here may be gone."""
        programs = self.folder / name / version / "bin"
        return programs.is_dir() and all(program.exists() for program in programs.iterdir())

    async def put(self, name: str, version: str, fill: Callable[[Scratch], Awaitable[None]]) -> str:
        """The folder of the tool's programs, relative to this one; `fill` installs it unless it is there."""
        place = f"{name}/{version}"
        self._asked[place] = self._clock.monotonic()
        async with self._locks[place]:
            if not await asyncio.to_thread(self.has, name, version):
                async with self.scratch() as scratch:
                    await fill(scratch)
                    await asyncio.to_thread(_finish, scratch.tree, self.folder / place)
            self._asked[place] = self._clock.monotonic()
        return f"{place}/bin"

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Scratch]:
        folder = self.folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
        scratch = Scratch(folder / "tree", folder / "cache")
        try:
            await asyncio.to_thread(_make, scratch)
            yield scratch
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def keep_only(self, kept: Iterable[str]) -> int:
        """Deletes all but these folders (`node/22.11.0`); bytes set free."""
        keep = set(kept)
        freed = 0
        for place in await asyncio.to_thread(self._places):
            if place not in keep and not place.startswith(tuple(f"{name}/" for name in _OURS)):
                freed += await self._remove(place)
        return freed

    async def _remove(self, place: str) -> int:
        async with self._locks[place]:
            asked = self._asked.get(place)
            if asked is not None and self._clock.monotonic() - asked < self._lease_seconds:
                return 0
            doomed = self.folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
            return await asyncio.to_thread(_delete, self.folder / place, doomed)

    def _places(self) -> list[str]:
        return [str(path.relative_to(self.folder)) for path in self.folder.glob("[!.]*/*")]


def _make(scratch: Scratch) -> None:
    scratch.tree.mkdir(parents=True)
    scratch.cache.mkdir()


def _finish(tree: Path, place: Path) -> None:
    """Makes it ours and nobody else's to write, has it on the disk, and only then lets it be seen."""
    for parent, folders, files in os.walk(tree):
        for path in (parent, *(f"{parent}/{name}" for name in (*folders, *files))):
            if os.geteuid() == 0:
                os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode & 0o755 | 0o444)
    os.sync()
    place.parent.mkdir(exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    os.rename(tree, place)


def _delete(folder: Path, doomed: Path) -> int:
    """Out of sight at once, and only then deleted piece by piece."""
    os.rename(folder, doomed)
    freed = sum(os.lstat(f"{parent}/{name}").st_size for parent, _, names in os.walk(doomed) for name in names)
    shutil.rmtree(doomed)
    return freed
