"""Writes an artifact's files into a new folder, trusting nothing the archive says."""

import hashlib
import os
import tarfile
from pathlib import Path
from typing import IO, BinaryIO

import zstandard

from deployd.adapters.local_artifacts.tree import check_link

_CHUNK = 1 << 20


class BadArtifact(ValueError):
    """The text says what is wrong with it."""


def digest_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := file.read(_CHUNK):
        digest.update(data)
    return digest.hexdigest()


def unpack(file: IO[bytes], folder: Path, links_to: tuple[str, ...]) -> None:
    """Fills the empty `folder`. BadArtifact or EscapingLink when the archive is damaged or reaches out of it."""
    try:
        with (
            zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as plain,
            tarfile.open(fileobj=plain, mode="r|", bufsize=_CHUNK, encoding="utf-8") as tar,
        ):
            _write_all(tar, folder, links_to)
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise BadArtifact(f"the archive is damaged: {error}") from error


def _write_all(tar: tarfile.TarFile, folder: Path, links_to: tuple[str, ...]) -> None:
    """Folders come before what they hold and each is made by us, so no path can lead through a link."""
    made = {""}
    for header in tar:
        parent, _, name = header.name.rpartition("/")
        if parent not in made or name in ("", ".", "..") or "\0" in name:
            raise BadArtifact(f"the archive names a path that is not in its place: {header.name!r}")
        path = f"{folder}/{header.name}"
        if header.isdir():
            os.mkdir(path, 0o755)
            made.add(header.name)
        elif header.issym():
            check_link(header.name, header.linkname, links_to)
            os.symlink(header.linkname, path)
        elif header.isreg():
            _write_file(tar, header, path)
        else:
            raise BadArtifact(f"the archive holds something that is neither file, folder nor link: {header.name!r}")


def _write_file(tar: tarfile.TarFile, header: tarfile.TarInfo, path: str) -> None:
    content = tar.extractfile(header)
    assert content is not None
    mode = 0o755 if header.mode & 0o111 else 0o644
    written = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        left = header.size
        while left:
            data = content.read(min(left, _CHUNK))
            if not data:
                raise BadArtifact(f"the archive ends within {header.name!r}")
            left -= len(data)
            while data:
                data = data[os.write(written, data) :]
        os.fchmod(written, mode)
    finally:
        os.close(written)
