"""Writes a folder as a zstd-compressed tar whose bytes depend on the content alone."""

import hashlib
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

import zstandard

from deployd.adapters.local_artifacts.tree import Entry, check_link, entries

_LEVEL = 3
_BUFFER = 1 << 20


class _Hashing:
    """Passes bytes on and knows the digest of what went through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


def pack(folder: Path, file: IO[bytes], links_to: tuple[str, ...]) -> str:
    """The SHA-256 of what was written. EscapingLink for a link that leaves the folder and is not in `links_to`."""
    hashed = _Hashing(file)
    # A thread beside this one; zero and one give different bytes, so the number is part of the format.
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=1)
    with (
        compressor.stream_writer(hashed, closefd=False) as packed,  # type: ignore[arg-type]
        tarfile.open(fileobj=packed, mode="w|", bufsize=_BUFFER, format=tarfile.PAX_FORMAT, encoding="utf-8") as tar,
    ):
        for entry in entries(folder):
            _add(tar, entry, links_to)
    return hashed.digest.hexdigest()


def _add(tar: tarfile.TarFile, entry: Entry, links_to: tuple[str, ...]) -> None:
    """Only name, kind, content and the x-bit are kept."""
    header = tarfile.TarInfo(entry.name)
    mode = entry.info.st_mode
    if stat.S_ISLNK(mode):
        header.type, header.mode, header.linkname = tarfile.SYMTYPE, 0o777, os.readlink(entry.path)
        check_link(entry.name, header.linkname, links_to)
        tar.addfile(header)
    elif stat.S_ISDIR(mode):
        header.type, header.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(header)
    else:
        header.mode = 0o755 if mode & 0o111 else 0o644
        with open(os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as content:
            header.size = os.fstat(content.fileno()).st_size
            tar.addfile(header, content)
