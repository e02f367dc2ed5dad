"""The user's own certificate files: read, checked, and read again when they were renewed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
from watchfiles import awatch

from deployd.config import CertificateFiles
from deployd.domain.certificate import Certificate
from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.proxy.tls.pem import read_certificate

_BURST_MS = 200
"""Chain and key are written one after the other; only both together are a renewal."""


class _Pair(msgspec.Struct):
    """`mark` changes when a file does."""

    cert: Path
    key: Path
    mark: object = None
    certificate: Certificate | None = None
    problem: str | None = None


class OwnFiles:
    """The CertificateFilesReader of `[tls] certificates`."""

    def __init__(self, files: Sequence[CertificateFiles]) -> None:
        self._pairs = [_Pair(cert=Path(one.cert), key=Path(one.key)) for one in files]

    async def read(self) -> tuple[list[Certificate], list[str]]:
        await asyncio.to_thread(self._read_changed)
        certificates = [pair.certificate for pair in self._pairs if pair.certificate is not None]
        return certificates, [pair.problem for pair in self._pairs if pair.problem is not None]

    async def changes(self) -> AsyncIterator[None]:
        """Watches the folders: renewals replace the files or the links to them."""
        folders = {path.parent for pair in self._pairs for path in (pair.cert, pair.key) if path.parent.is_dir()}
        if folders:
            async for _ in awatch(*folders, watch_filter=None, debounce=_BURST_MS, step=50, recursive=False):
                yield

    def _read_changed(self) -> None:
        for pair in self._pairs:
            mark = _mark(pair)
            if mark is None or mark != pair.mark:
                pair.mark = mark
                try:
                    pair.certificate, pair.problem = _read(pair), None
                except UserMistake as mistake:
                    pair.problem = f"The certificate {pair.cert} cannot be served: {mistake}"


def _mark(pair: _Pair) -> object:
    """None when a file cannot be looked at."""
    try:
        states = [path.stat() for path in (pair.cert, pair.key)]
    except OSError:
        return None
    return [(state.st_ino, state.st_mtime_ns, state.st_size, state.st_mode) for state in states]


def _read(pair: _Pair) -> Certificate:
    try:
        if pair.key.stat().st_mode & 0o007:
            raise UserMistake(f"everybody on this machine can read its key: chmod 600 {pair.key}")
        return read_certificate(pair.cert.read_text(), Secret(pair.key.read_text()))
    except OSError as error:
        raise UserMistake(f"{error.filename} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UserMistake("it is not text in PEM form.") from error
