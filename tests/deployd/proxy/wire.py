"""Both ends of the proxy as bytes on real sockets: a raw client, and an upstream that does what a test tells it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from deployd.domain.route import Address

SECONDS = 5.0
Serve = Callable[["Conversation"], Awaitable[None]]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was on the wire: its head without the empty line, and its decoded body."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def target(self) -> bytes:
        return self.head.split(b" ", 2)[1]

    def fields(self, name: str) -> list[bytes]:
        pattern = rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r\n]*)"
        return [value.strip() for value in re.findall(pattern, self.head, re.I)]

    def field(self, name: str) -> bytes | None:
        values = self.fields(name)
        assert len(values) < 2, values
        return values[0] if values else None


class Conversation:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return (await self._timed(self.reader.readuntil(b"\r\n\r\n")))[:-4]

    async def request(self) -> Received:
        """The next request; asyncio.IncompleteReadError when the peer closed instead."""
        head = await self.head()
        return Received(head=head, body=await self._body(head, until_close=False))

    async def response(self, to: str = "GET") -> Received:
        head = await self.head()
        status = int(head.split(b" ", 2)[1])
        bodiless = to == "HEAD" or status < 200 or status in (204, 304)
        return Received(head=head, body=b"" if bodiless else await self._body(head, until_close=True))

    async def exactly(self, count: int) -> bytes:
        return await self._timed(self.reader.readexactly(count))

    async def rest(self) -> bytes:
        """Everything until the peer closes; ConnectionResetError when it does so rudely."""
        return await self._timed(self.reader.read(-1))

    async def closed(self) -> bool:
        """Waits until the peer ends the connection; False when it sends something instead."""
        try:
            return await self._timed(self.reader.read(1)) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def _body(self, head: bytes, until_close: bool) -> bytes:
        length = re.search(rb"\r\ncontent-length:[ \t]*(\d+)", head, re.I)
        if length is not None:
            return await self.exactly(int(length[1]))
        if re.search(rb"\r\ntransfer-encoding:[ \t]*chunked", head, re.I):
            return await self._chunks()
        return await self.rest() if until_close else b""

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int((await self._timed(self.reader.readuntil(b"\r\n")))[:-2], 16)
            body += await self.exactly(size)
            assert await self.exactly(2) == b"\r\n"
            if not size:
                return body

    async def _timed(self, work: Awaitable[bytes]) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await work


class Upstream:
    """Calls `serve` for every connection, and keeps what failed there so that the test sees it."""

    def __init__(self, serve: Serve) -> None:
        self.connections = 0
        self.received_bytes = 0
        self._serve = serve
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.address = Address(host="127.0.0.1", port=0)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.address.port)
        self.address = Address(host="127.0.0.1", port=self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await self._serve(Conversation(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy closed the connection, which every upstream has to live with
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def upstream(serve: Serve) -> AsyncIterator[Upstream]:
    running = Upstream(serve)
    await running.open()
    try:
        yield running
    finally:
        await running.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Conversation]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    conversation = Conversation(reader, writer)
    try:
        yield conversation
    finally:
        await conversation.close()


def answering(body: bytes = b"hello", extra: bytes = b"") -> Serve:
    """Answers every request of a connection the same way."""

    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), extra, body))

    return serve


def get(path: str = "/", host: str = "app.test", extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()
