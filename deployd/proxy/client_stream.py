"""A client's connection below its requests: bodies, flow control, silence, and the ways it ends."""

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Protocol, cast

from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.exchange import Exchange
from deployd.proxy.pace import Pace
from deployd.proxy.refused import Refused

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane

_RESET = struct.pack("ii", 1, 0)


class _HasSocket(Protocol):
    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...


class ClientStream(asyncio.Protocol):
    """`buffer` holds what belongs to a later moment: a head in parts, a body not wanted yet, a next request.

    `body_left` is what is still to come of a body in bytes, CHUNKED for one of unknown length.
    """

    __slots__ = (
        "_body_bytes",
        "_decoder",
        "_feeding",
        "_half_closed",
        "_lingered",
        "_pace",
        "_read_paused",
        "_since",
        "body_left",
        "buffer",
        "exchange",
        "plane",
        "transport",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, plane: "Plane") -> None:
        self.plane = plane
        self.exchange: Exchange | None = None
        self.buffer = b""
        self.body_left = 0
        self.write_paused = False
        self._decoder: ChunkedDecoder | None = None
        self._feeding = False
        self._read_paused = False
        self._half_closed = False
        self._lingered = -1
        self._since = plane.now
        self._body_bytes = 0
        self._pace: Pace | None = None

    def _go_on(self) -> None:
        """Nothing hinders the next request any more."""
        raise NotImplementedError

    def _refuse(self, refused: Refused) -> None:
        """Answers bytes that are no request."""
        raise NotImplementedError

    # -- bodies -----------------------------------------------------------------------------------------------------

    def start_body(self) -> None:
        """The exchange has somewhere to send the body to."""
        exchange = self.exchange
        assert exchange is not None
        data, self.buffer = self.buffer, b""
        if exchange.head.expects_continue and not data:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.resume_reading()
        if data:
            self._feed_body(exchange, data)

    def _feed_body(self, exchange: Exchange, data: bytes) -> None:
        self._body_bytes += len(data)
        decoder = self._decoder
        if decoder is None:
            left = self.body_left
            if len(data) > left:
                self._keep_next(data[left:])
                data = data[:left]
            self.body_left = left - len(data)
            exchange.body(data)
        else:
            try:
                pieces = decoder.feed(data)
            except Refused as refused:
                exchange.refuse(refused.status, refused.reason)
                return
            if pieces:
                exchange.body(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            if decoder.done:
                self.body_left = 0
                self._keep_next(decoder.rest)
            elif decoder.more:
                self._feed_later()
        if not self.body_left:
            exchange.body_ended()

    def _feed_later(self) -> None:
        """Nothing is read until the chunks that are here were taken."""
        self.pause_reading()
        if not self._feeding:
            self._feeding = True
            self.plane.loop.call_soon(self._feed_rest)

    def _feed_rest(self) -> None:
        self._feeding = False
        exchange, decoder = self.exchange, self._decoder
        if exchange is None or decoder is None or not decoder.more or not exchange.wants_more:
            return
        self._feed_body(exchange, b"")
        if not decoder.more and self.body_left and exchange.wants_more:
            self.resume_reading()

    def _keep_next(self, data: bytes) -> None:
        if data:
            self.buffer = data
            self.pause_reading()

    # -- flow control -----------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        if not self._read_paused and not self.transport.is_closing():
            self._read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._read_paused and not self.transport.is_closing():
            if self._decoder is not None and self._decoder.more:
                self._feed_later()
                return
            self._read_paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.pause_source()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.exchange is not None:
            self.exchange.seen = self.plane.now
            self.exchange.resume_source()
        elif self._lingered < 0 and not self.transport.is_closing():
            self._go_on()

    # -- ends -------------------------------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        """A client may stop sending and still read, or be gone: its whole requests are answered if that is soon."""
        self._half_closed = True
        self._since = self.plane.now
        return self.exchange is not None and not self.body_left

    def reset(self) -> None:
        """Ends with an RST, so that nobody takes a cut answer for a whole one."""
        sock = cast(_HasSocket | None, self.transport.get_extra_info("socket"))
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def abort(self) -> None:
        self.transport.abort()

    def close_idle(self) -> None:
        if self.exchange is None and not self.buffer:
            self.transport.close()

    def _linger(self) -> None:
        """Closing with unread data would reset the connection and take our answer with it: let the client finish."""
        self._since = self.plane.now
        self._lingered = 0
        self.buffer = b""
        self._decoder = None
        if self._half_closed or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.resume_reading()

    def _linger_on(self, more: int) -> None:
        self._lingered += more
        if self._lingered > self.plane.limits.linger_bytes:
            self.transport.abort()

    def sweep(self, now: float) -> None:
        limits = self.plane.limits
        exchange = self.exchange
        if exchange is None:
            self._sweep_between(now)
        elif self._half_closed and now - max(self._since, exchange.seen) > limits.half_closed_seconds:
            self.transport.abort()
        elif self.write_paused:
            if now - exchange.seen > limits.body_idle_seconds:
                self.transport.abort()
        else:
            exchange.sweep(now)
            self._sweep_body(now)

    def _sweep_between(self, now: float) -> None:
        limits = self.plane.limits
        silent = now - self._since
        if self.transport.is_closing():
            self._sweep_closing(now)
        elif self._lingered >= 0:
            if silent > limits.linger_seconds:
                self.transport.abort()
        elif self.write_paused:
            if silent > limits.body_idle_seconds:
                self.transport.abort()
        elif self.buffer:
            if silent > limits.header_seconds:
                self._refuse(Refused(408, "The request's header did not arrive in time."))
        elif silent > limits.keep_alive_seconds:
            self.transport.close()

    def _sweep_body(self, now: float) -> None:
        """A body that drips holds an app's worker for as long as it likes."""
        exchange, limits = self.exchange, self.plane.limits
        if exchange is None or not self.body_left or self._read_paused or not exchange.wants_body:
            self._pace = None
        elif self._pace is None:
            self._pace = Pace(now, self._body_bytes)
        elif self._pace.is_slow(now, self._body_bytes, limits.body_bytes_per_second, limits.body_rate_seconds):
            exchange.refuse(408, "The request's body came too slowly.")

    def _sweep_closing(self, now: float) -> None:
        """What is still to be written is waited for, but not from a client that does not take it."""
        limits, left = self.plane.limits, self.transport.get_write_buffer_size()
        if now - self._since > limits.body_idle_seconds + left / limits.body_bytes_per_second:
            self.transport.abort()
