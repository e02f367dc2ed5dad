"""Puts compressed copies beside the files of a static site, so that nobody waits for compression later."""

import os
import re
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import msgspec
import zstandard

from deployd.domain.content_coding import LEAST_BYTES, SUFFIXES
from deployd.kernel.in_thread import Check, in_thread

SECONDS = 60.0
LARGEST_BYTES = 32 * 1_048_576

_MOST_OF_IT = 0.9
"""A copy that is larger than this part of its file is not worth its place."""
_SLOW_BYTES = 1_048_576
"""Up to here the levels are used that take a second for it; above, quicker ones, by size and so always the same."""
_UNFINISHED = ".deployd-unfinished"
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NAMES = re.compile(
    r".+\.(?:html?|css|[cm]?js|json|map|xml|svg|txt|md|csv|wasm|ttf|otf|eot|ico|bmp|webmanifest|rss|atom|geojson|ya?ml|toml"
    r"|ics|vtt|glb|gltf|obj|xsl|rdf)",
    re.I,
)


class Precompressed(msgspec.Struct, frozen=True, kw_only=True):
    """`complete` is False when the time was over before every file had its turn."""

    files: int = 0
    copies: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    complete: bool = True

    def __str__(self) -> str:
        """A line for the build log."""
        saved = (
            f"{self.bytes_before / 1024:,.0f} KiB → {self.bytes_after / 1024:,.0f} KiB" if self.copies else "nothing"
        )
        files = "1 file" if self.files == 1 else f"{self.files} files"
        text = f"Compressed copies of {files} for browsers: {saved}."
        return text if self.complete else f"{text} The time for it was over; the other files are served as they are."


async def precompress(folder: Path, seconds: float = SECONDS) -> Precompressed:
    """In a thread that ends soon after a cancellation. What cannot be written is left out: a site works without."""
    return await in_thread(lambda check: precompress_now(folder, seconds, check))


def precompress_now(folder: Path, seconds: float, check: Check) -> Precompressed:
    """Only what lies in `folder` itself is read and written: a link is neither followed nor replaced."""
    until = time.monotonic() + seconds
    files = copies = before = after = 0
    for path in _candidates(folder):
        check()
        if time.monotonic() > until:
            return Precompressed(files=files, copies=copies, bytes_before=before, bytes_after=after, complete=False)
        content = _read(path)
        if content is None:
            continue
        sizes = [size for coding in SUFFIXES if (size := _copy(path, coding, content, check)) is not None]
        if sizes:
            files, copies = files + 1, copies + len(sizes)
            before, after = before + len(content), after + min(sizes)
    return Precompressed(files=files, copies=copies, bytes_before=before, bytes_after=after)


def _candidates(folder: Path) -> Iterator[str]:
    """Always in the same order; hidden files and folders are never served."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name == ".well-known" or not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and _NAMES.fullmatch(name):
                yield os.path.join(place, name)


def _read(path: str) -> bytes | None:
    try:
        opened = os.open(path, _FLAGS)
    except OSError:
        return None
    with open(opened, "rb") as file:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or not LEAST_BYTES <= found.st_size <= LARGEST_BYTES:
            return None
        return file.read(LARGEST_BYTES)


def _copy(path: str, coding: bytes, content: bytes, check: Check) -> int | None:
    """The size of the new copy; None when there is one already, it is not worth it, or the disk does not take it."""
    target = path + SUFFIXES[coding]
    if os.path.lexists(target):
        return None
    check()
    packed = _PACK[coding](content)
    if len(packed) > _MOST_OF_IT * len(content):
        return None
    unfinished = target + _UNFINISHED
    try:
        with open(unfinished, "xb") as file:
            file.write(packed)
        os.rename(unfinished, target)
    except OSError:
        Path(unfinished).unlink(missing_ok=True)
        return None
    return len(packed)


def _gzip(content: bytes) -> bytes:
    """Without a time and a name in its head: the same content gives the same artifact."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


def _zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=19 if len(content) <= _SLOW_BYTES else 12).compress(content)


def _brotli(content: bytes) -> bytes:
    return bytes(brotli.compress(content, quality=11 if len(content) <= _SLOW_BYTES else 7))


_PACK: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": _gzip, b"zstd": _zstd, b"br": _brotli}
