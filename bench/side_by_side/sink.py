"""The backend of uploads and WebSockets: `python -m bench.side_by_side.sink PORT`.

It reads bodies to their end before it answers 200, and answers each WebSocket message of 1 KiB with one. It is made to
cost as little as it can, so it understands nothing but what the bench sends.
"""

import asyncio
import base64
import hashlib
import re
import sys
from typing import cast

import uvloop

MESSAGE_BYTES = 1_024
ANSWER = b"\x82\x7e\x04\x00" + b"x" * MESSAGE_BYTES
QUESTION = b"\x82\xfe\x04\x00\x00\x00\x00\x00" + b"x" * MESSAGE_BYTES
"""Masked, as a client has to, with zeros, which leave the bytes as they are."""

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
_READ_BYTES = 1_048_576
_memory = bytearray(_READ_BYTES)


class Sink(asyncio.BufferedProtocol):
    """All connections read into the same memory: nobody looks at a byte twice."""

    def __init__(self) -> None:
        self._left = 0
        self._tunnel = False
        self._have = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return _memory

    def buffer_updated(self, count: int) -> None:
        if self._tunnel:
            self._have += count
            whole, self._have = divmod(self._have, len(QUESTION))
            self._transport.write(ANSWER * whole)
        elif self._left:
            self._take(count)
        else:
            self._begin(bytes(_memory[:count]))

    def _begin(self, data: bytes) -> None:
        head, _, rest = data.partition(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if key is not None:
            accept = base64.b64encode(hashlib.sha1(key[1] + _MAGIC).digest())
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._transport.write(answer + b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept)
            self._tunnel = True
        elif length is not None and int(length[1]):
            self._left = int(length[1])
            self._take(len(rest))
        else:
            self._transport.write(_OK)

    def _take(self, count: int) -> None:
        self._left -= count
        if not self._left:
            self._transport.write(_OK)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1_024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
