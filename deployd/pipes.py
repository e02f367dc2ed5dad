"""Pipes between deployd and the programs that it starts."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import IO, TypeVar

import uvloop

_P = TypeVar("_P", bound=asyncio.Protocol)


def open_pipe() -> tuple[IO[bytes], IO[bytes]]:
    """Where to read, and where to write."""
    way_out, way_in = os.pipe()
    return os.fdopen(way_out, "rb", buffering=0), os.fdopen(way_in, "wb", buffering=0)


async def read_pipe(protocol: Callable[[], _P], way_out: IO[bytes]) -> tuple[asyncio.ReadTransport, _P]:
    """From now on the transport owns the pipe's end: closing it is the end of both."""
    loop = asyncio.get_running_loop()
    with way_out:
        end = _End(os.dup(way_out.fileno()), closed_by_loop=isinstance(loop, uvloop.Loop))
    return await loop.connect_read_pipe(protocol, end)  # It closes the end when that fails or is cancelled, too.


@asynccontextmanager
async def reading(way_out: IO[bytes]) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await read_pipe(lambda: asyncio.StreamReaderProtocol(reader), way_out)
    try:
        yield reader
    finally:
        transport.close()


class _End:
    """Closed once. uvloop closes the descriptor and then what it was given, too: by then a thread may have got the
    same number for something else, and would lose that."""

    def __init__(self, descriptor: int, *, closed_by_loop: bool) -> None:
        self._descriptor = descriptor
        self._closed_by_loop = closed_by_loop

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if not self._closed_by_loop:
            os.close(self._descriptor)
