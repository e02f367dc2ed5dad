"""Writes a part's files into a new folder, trusting nothing the archive says."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import zstandard

from deployd.adapters.local_artifacts.ahead import ahead
from deployd.adapters.local_artifacts.tar_blocks import BLOCK, BadArtifact, Header, read_header
from deployd.adapters.local_artifacts.tree import FILE, FOLDER, LINK, check_link
from deployd.kernel.in_thread import Check

_CHUNK = 1 << 20
_MOST_IN_PIECE = 64
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class _File(NamedTuple):
    path: str
    executable: bool
    content: bytes


def digest_of(file: BinaryIO, check: Check) -> str:
    digest = hashlib.sha256()
    while data := file.read(_CHUNK):
        check()
        digest.update(data)
    return digest.hexdigest()


class Unpacking:
    """Fills the empty folder `whole`, part after part; the first is the rest of the whole."""

    def __init__(self, whole: str, links_to: tuple[str, ...], check: Check) -> None:
        self._whole = whole
        self._links_to = links_to
        self._check = check
        self._narrow = os.stat(whole).st_mode & 0o755 != 0o755
        """Whether this process's umask takes rights away that an artifact gives."""
        self._made = {""}

    def add(self, file: BinaryIO, at: str) -> None:
        """BadArtifact or EscapingLink when the archive is damaged, reaches out of it or has no place."""
        if at not in self._made:
            raise BadArtifact(f"a part of it has no place: {at!r}")
        try:
            with (
                zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as plain,
                contextlib.closing(ahead(self._write_piece, self._pieces(_Plain(plain), at))) as written,
            ):
                for _ in written:
                    self._check()
        except zstandard.ZstdError as error:
            raise BadArtifact(f"the archive is damaged: {error}") from error

    def _pieces(self, plain: "_Plain", at: str) -> Iterator[list[_File]]:
        """Makes folders and links, writes big files, and gives out the small ones in handfuls."""
        piece: list[_File] = []
        size = 0
        while (header := read_header(plain.take)) is not None:
            name = self._place(header, at)
            if header.kind == FILE and header.size <= _CHUNK:
                piece.append(_File(f"{self._whole}/{name}", header.executable, plain.content(header.size)))
                size += header.size
            else:
                self._make(header, name, plain)
            if size > _CHUNK or len(piece) == _MOST_IN_PIECE:
                yield piece
                piece, size = [], 0
        yield piece

    def _place(self, header: Header, at: str) -> str:
        """Folders come before what they hold and each is made by us, so no path can lead through a link."""
        name = f"{at}/{header.name}" if at else header.name
        parent, _, last = name.rpartition("/")
        if parent not in self._made or name.startswith("/") or last in ("", ".", "..") or "\0" in last:
            raise BadArtifact(f"the archive names a path that is not in its place: {header.name!r}")
        return name

    def _make(self, header: Header, name: str, plain: "_Plain") -> None:
        path = f"{self._whole}/{name}"
        if header.kind == FOLDER:
            os.mkdir(path, 0o755)
            if self._narrow:
                os.chmod(path, 0o755)
            self._made.add(name)
        elif header.kind == LINK:
            check_link(name, header.target, self._links_to)
            os.symlink(header.target, path)
        elif header.kind == FILE:
            self._write_big(header, path, plain)
        else:
            raise BadArtifact(f"the archive holds something that is neither file, folder nor link: {header.name!r}")

    def _write_piece(self, piece: list[_File]) -> None:
        for path, executable, content in piece:
            opened = self._create(path, executable)
            try:
                _write(opened, content)
            finally:
                os.close(opened)

    def _write_big(self, header: Header, path: str, plain: "_Plain") -> None:
        opened, left = self._create(path, header.executable), header.size
        try:
            while left:
                self._check()
                data = plain.take(min(left, _CHUNK))
                left -= len(data)
                _write(opened, data)
        finally:
            os.close(opened)
        plain.take(-header.size % BLOCK)

    def _create(self, path: str, executable: bool) -> int:
        mode = 0o755 if executable else 0o644
        opened = os.open(path, _NEW, mode)
        if self._narrow:
            os.fchmod(opened, mode)
        return opened


class _Plain:
    """The decompressed bytes, taken in pieces of exactly the size asked for."""

    def __init__(self, source: zstandard.ZstdDecompressionReader) -> None:
        self._source = source
        self._buffer = b""
        self._used = 0

    def take(self, size: int) -> bytes:
        while self._used + size > len(self._buffer):
            more = self._source.read(_CHUNK)
            if not more:
                raise BadArtifact("the archive ends too early")
            self._buffer = self._buffer[self._used :] + more
            self._used = 0
        self._used += size
        return self._buffer[self._used - size : self._used]

    def content(self, size: int) -> bytes:
        return self.take(size + -size % BLOCK)[:size]


def _write(opened: int, data: bytes) -> None:
    while data:
        data = data[os.write(opened, data) :]
