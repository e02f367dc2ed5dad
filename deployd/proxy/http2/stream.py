"""One stream: to the proxy a client's connection with one request on it, to the client a part of its real one."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from deployd.proxy.chunked import LAST_CHUNK, encode_chunk
from deployd.proxy.forwarding import origin_lines
from deployd.proxy.http2.answer import AnswerReader
from deployd.proxy.tls.connection import SecureConnection

if TYPE_CHECKING:
    from deployd.proxy.http2.connection import Http2Connection

_HIGH_WATER = 65_536
_LOW_WATER = 16_384


class StreamConnection(SecureConnection):
    """The limits of connections hold for the real one, so streams are not counted."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ip = self._address or "unknown"
        self.trusted = self.ip in self.plane.trusted
        self.origin = origin_lines(self.ip, self.scheme)
        self.peer = ""
        self.plane.connections.add(self)

    def reset(self) -> None:
        """The socket is not this stream's alone."""
        self.transport.abort()


class StreamTransport(asyncio.Transport):
    """Takes an HTTP/1.1 answer and gives frames; bounded by the client's window and by its protocol's patience."""

    def __init__(self, connection: "Http2Connection", number: int, to_head: bool, chunked: bool, ended: bool) -> None:
        super().__init__()
        self.number = number
        self.pending = bytearray()
        self.has_request = ended
        self.protocol: asyncio.Protocol
        self._connection = connection
        self._answer = AnswerReader(to_head)
        self._chunked = chunked
        self._closing = False
        self._over = False
        self._reading = True
        self._write_paused = False
        self._inbox = bytearray()
        self._owed = 0

    # -- what the client sends ------------------------------------------------------------------------------------

    def receive(self, data: bytes, owed: int) -> None:
        """`owed` is what the client gets back of its window once the data was taken."""
        self._owed += owed
        self._inbox += data
        self._deliver()

    def receive_end(self) -> None:
        self.has_request = True
        self._deliver()

    def _deliver(self) -> None:
        """All that has come at once: frames of a single byte must not cost one write each."""
        if self._reading and not self.is_closing():
            data = bytes(self._inbox)
            self._inbox.clear()
            if self._chunked:
                data = encode_chunk(data)
                if self.has_request:
                    data += LAST_CHUNK
                    self._chunked = False
            if data:
                self.protocol.data_received(data)
        if self._reading or self._closing:
            self._give_back()

    def _give_back(self) -> None:
        owed, self._owed = self._owed, 0
        self._connection.give_back(self.number, owed)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._connection.plane.loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        return self._reading

    # -- what the client gets ---------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._over:
            return
        heads, pieces = self._answer.feed(bytes(data))
        for status, fields in heads:
            if status >= 200 or status == 103:
                ended = status >= 200 and self._answer.complete and not pieces
                self._connection.send_head(self.number, status, fields, ended)
                self._over = ended
        for piece in pieces:
            self.pending += piece
        if self._answer.complete:
            self._closing = True
        if self._over:
            self._end()
        elif self._answer.started:
            self._connection.send_data(self)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(bytes(data) for data in list_of_data))

    def sent(self) -> None:
        """Some of `pending` is on its way."""
        if len(self.pending) > _HIGH_WATER and not self._write_paused:
            self._write_paused = True
            self.protocol.pause_writing()
        elif len(self.pending) <= _LOW_WATER and self._write_paused:
            self._write_paused = False
            self.protocol.resume_writing()

    @property
    def is_whole(self) -> bool:
        return self._answer.complete

    def get_write_buffer_size(self) -> int:
        return len(self.pending)

    def can_write_eof(self) -> bool:
        return False

    # -- ends -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self._closing or self._over:
            return
        self._answer.closed()
        if self._answer.complete:
            self._closing = True
            self._connection.send_data(self)
        else:
            self.abort()

    def abort(self) -> None:
        """A cut answer is never taken for a whole one."""
        if not self._over:
            self._over = True
            self._connection.reset(self.number)
            self._end()

    def finished(self) -> None:
        """Everything was sent."""
        if not self._over:
            self._over = True
            self._end()

    def lost(self) -> None:
        """The client has given it up, or is gone."""
        self.finished()

    def _end(self) -> None:
        self._closing = True
        self.pending.clear()
        self._inbox.clear()
        self._give_back()
        self._connection.plane.loop.call_soon(self.protocol.connection_lost, None)
        self._connection.forget(self)

    def is_closing(self) -> bool:
        return self._closing or self._over

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(asyncio.Protocol, protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._connection.transport.get_extra_info(name, default)
