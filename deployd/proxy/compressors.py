"""Compresses bodies, whole or piece by piece: a bounded number at once, big pieces in threads."""

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import brotli
import zstandard

from deployd.proxy.accept_encoding import BR, GZIP, ZSTD

ON_THE_SPOT = 32_768
"""Pieces up to here take about a millisecond, which the loop can spare; a thread costs a tenth of that."""

_GZIP_LEVEL = 4
_BR_QUALITY = 3
_BR_WINDOW_BITS = 18
_ZSTD = zstandard.ZstdCompressionParameters.from_level(3, window_log=17)
_THREADS = 2


class Encoder(Protocol):
    """Used by one thread at a time."""

    def feed(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes:
        """What the other side needs to read everything fed so far."""
        ...

    def finish(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(compression_params=_ZSTD).compressobj()

    def feed(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=_BR_QUALITY, lgwin=_BR_WINDOW_BITS)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data))

    def flush(self) -> bytes:
        return bytes(self._stream.flush())

    def finish(self) -> bytes:
        return bytes(self._stream.finish())


_ENCODERS: dict[bytes, Callable[[], Encoder]] = {GZIP: _Gzip, ZSTD: _Zstd, BR: _Brotli}


class Compressors:
    """`most` streams at once, since each holds up to half a MiB for as long as its client takes to read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._pool: ThreadPoolExecutor | None = None
        self._zstd = zstandard.ZstdCompressor(compression_params=_ZSTD)

    def whole(self, coding: bytes, body: bytes) -> bytes:
        """At once, for what is not longer than ON_THE_SPOT."""
        if coding == ZSTD:
            return self._zstd.compress(body)
        encoder = _ENCODERS[coding]()
        return encoder.feed(body) + encoder.finish()

    def open(self, coding: bytes) -> Encoder | None:
        """None when there are too many; each that was given is to be given back by `close`."""
        if self._open >= self._most:
            return None
        self._open += 1
        return _ENCODERS[coding]()

    def close(self) -> None:
        self._open -= 1

    async def feed(self, encoder: Encoder, data: bytes) -> bytes:
        """In a thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="compress")
        return await asyncio.get_running_loop().run_in_executor(self._pool, encoder.feed, data)

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    @property
    def streams(self) -> int:
        return self._open
