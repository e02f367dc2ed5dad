"""Writes a part as a zstd-compressed tar whose bytes depend on its content alone."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

import zstandard

from deployd.adapters.local_artifacts.ahead import ahead
from deployd.adapters.local_artifacts.tar_blocks import END, Header, padding, write_header
from deployd.adapters.local_artifacts.tree import FILE, Entry, Part
from deployd.kernel.in_thread import Check

_LEVEL = 3
_THREADS = 2
"""None gives other bytes than one or more, so that there are any is part of the format."""
_CHUNK = 1 << 20
_MOST_IN_PIECE = 64

Digests = dict[str, bytes]
"""The SHA-256 of each file's content."""


class Packed(NamedTuple):
    """`digest` is the SHA-256 of what was written, in hex."""

    digest: str
    contents: Digests


class _Hashing:
    """Passes bytes on and knows the digest of what went through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


def pack(part: Part, file: IO[bytes], check: Check) -> Packed:
    """OSError when a file changes meanwhile, cannot be read, or the disk is full."""
    hashed = _Hashing(file)
    contents: Digests = {}
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=_THREADS)
    with compressor.stream_writer(hashed, closefd=False, write_size=_CHUNK) as packed:  # type: ignore[arg-type]
        for data in _archived(part, contents, check):
            packed.write(data)
    return Packed(hashed.digest.hexdigest(), contents)


def digests_of(folder: str, files: Iterable[Entry], check: Check) -> Digests:
    """Reads the files of that folder."""
    contents: Digests = {}
    for _ in _archived(Part("", folder, list(files)), contents, check):
        pass
    return contents


def _archived(part: Part, contents: Digests, check: Check) -> Iterator[bytes]:
    """Small files are read ahead in other threads, a big one in this, so that memory stays bounded."""

    def read(piece: list[Entry]) -> tuple[bytes, Digests]:
        return (b"", {}) if _is_big(piece) else _read_piece(part.folder, piece)

    pieces = list(_pieces(part.entries))
    with contextlib.closing(ahead(read, pieces)) as results:
        for piece, (data, digests) in zip(pieces, results, strict=True):
            check()
            if _is_big(piece):
                yield from _streamed(part.folder, piece[0], contents, check)
            else:
                contents.update(digests)
                yield data
    yield END


def _pieces(entries: list[Entry]) -> Iterator[list[Entry]]:
    piece: list[Entry] = []
    size = 0
    for entry in entries:
        if piece and (size + entry.size > _CHUNK or len(piece) == _MOST_IN_PIECE):
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += entry.size
    if piece:
        yield piece


def _is_big(piece: list[Entry]) -> bool:
    return len(piece) == 1 and piece[0].size > _CHUNK


def _read_piece(folder: str, piece: list[Entry]) -> tuple[bytes, Digests]:
    blocks, digests = [], {}
    for entry in piece:
        blocks.append(_header(entry))
        if entry.kind == FILE:
            content = _whole(f"{folder}/{entry.name}", entry.size)
            digests[entry.name] = hashlib.sha256(content).digest()
            blocks += (content, padding(entry.size))
    return b"".join(blocks), digests


def _whole(path: str, size: int) -> bytes:
    opened = _open(path)
    try:
        content = os.read(opened, size + 1)
    finally:
        os.close(opened)
    if len(content) != size:
        raise _changed(path)
    return content


def _streamed(folder: str, entry: Entry, contents: Digests, check: Check) -> Iterator[bytes]:
    path, left, digest = f"{folder}/{entry.name}", entry.size, hashlib.sha256()
    yield _header(entry)
    opened = _open(path)
    try:
        while data := os.read(opened, min(_CHUNK, left + 1)):
            check()
            left -= len(data)
            digest.update(data)
            yield data
            if left < 0:
                break
    finally:
        os.close(opened)
    if left:
        raise _changed(path)
    contents[entry.name] = digest.digest()
    yield padding(entry.size)


def _header(entry: Entry) -> bytes:
    return write_header(Header(entry.name, entry.kind, entry.executable, entry.size, entry.target))


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _changed(path: str) -> OSError:
    return OSError(None, "a file changed while it was read", path)
