"""Which versions of a package the npm registry has: its answers are kept for a day, and longer while it is silent."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from deployd.builders.toolchains.npm import Npm
from deployd.domain.errors import ProviderUnavailable
from deployd.kernel.clock import Clock

_FRESH_SECONDS = 86_400.0


class _Answer(msgspec.Struct, frozen=True):
    asked_ms: int = 0
    versions: tuple[str, ...] = ()


class Registry:
    def __init__(self, folder: Path, npm: Npm, clock: Clock) -> None:
        self._folder = folder
        self._npm = npm
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def versions(self, package: str, on_line: Callable[[str], None]) -> tuple[str, ...]:
        """ProviderUnavailable when the registry is silent and never said anything before."""
        file = self._folder / f"{package.replace('/', '+')}.json"
        async with self._locks[package]:
            kept = await asyncio.to_thread(_read, file)
            age_seconds = (self._clock.now_ms() - kept.asked_ms) / 1000
            if kept.versions and 0 <= age_seconds < _FRESH_SECONDS:
                return kept.versions
            try:
                versions = await self._npm.versions(package)
            except ProviderUnavailable as silence:
                if not kept.versions:
                    raise
                on_line(f"warning: going by what the registry had {age_seconds / 3600:.0f} hours ago. {silence}")
                return kept.versions
            await asyncio.to_thread(_write, file, _Answer(self._clock.now_ms(), versions))
            return versions


def _read(file: Path) -> _Answer:
    """An answer cut off by a power failure is no answer."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Answer)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Answer()


def _write(file: Path, answer: _Answer) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(answer))
    new.replace(file)
