"""Pipes between deployd and the programs that it runs for builds."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO


def open_pipe() -> tuple[IO[bytes], IO[bytes]]:
    """Where to read, and where to write."""
    way_out, way_in = os.pipe()
    return os.fdopen(way_out, "rb", buffering=0), os.fdopen(way_in, "wb", buffering=0)


@asynccontextmanager
async def reading(way_out: IO[bytes]) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    connect = asyncio.get_running_loop().connect_read_pipe
    transport, _ = await connect(lambda: asyncio.StreamReaderProtocol(reader), way_out)
    try:
        yield reader
    finally:
        transport.close()
