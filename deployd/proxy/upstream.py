"""A connection to an upstream: reads its answers strictly and goes back to its target's pool between exchanges."""

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.refused import Refused
from deployd.proxy.response_head import CHUNKED, UNTIL_CLOSE, ResponseHead, parse_response
from deployd.proxy.target import Target

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane
    from deployd.proxy.relay import Relay

_AWAITING_HEAD = -3
_QUICKACK = getattr(socket, "TCP_QUICKACK", 0)
"""Linux has it."""
_SMALL_BYTES = 65_536


class UpstreamConnection(asyncio.Protocol):
    """`relay` is the exchange that owns it now, None while it is idle; `uses` counts the exchanges it was given to."""

    __slots__ = (
        "_buffer",
        "_decoder",
        "_interim",
        "_keep",
        "_left",
        "_paused",
        "_plane",
        "_reading_on",
        "_socket",
        "_target",
        "idle_since",
        "relay",
        "transport",
        "uses",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, plane: "Plane", target: Target) -> None:
        self._plane = plane
        self._target = target
        self.relay: Relay | None = None
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._decoder: ChunkedDecoder | None = None
        self._left = _AWAITING_HEAD
        self._interim = 0
        self._keep = True
        self._paused = False
        self._reading_on = False
        self.write_paused = False
        self.idle_since = 0.0
        self.uses = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if _QUICKACK and not self._target.address.path:
            self._socket = transport.get_extra_info("socket")

    def serve(self, relay: "Relay", request: bytes) -> None:
        """Sends the head of the exchange's request; its answer is read from here on."""
        self.relay = relay
        self.uses += 1
        self._left = _AWAITING_HEAD
        self._interim = 0
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self.relay is None:
            self.abort()  # nobody asked: what comes next could not be told from a real answer
        elif self._left == _AWAITING_HEAD:
            self._read_head(self._buffer + data if self._buffer else data)
        else:
            self._read_body(data)
        if self.relay is not None and len(data) <= _SMALL_BYTES:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """More is to come. An app that writes in small pieces (Nagle) waits with the next for our word about this one,
        and the kernel would keep it waiting for 40 ms."""
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _read_head(self, data: bytes) -> None:
        relay = self.relay
        assert relay is not None
        target = self._target
        if target.known is not None and data.startswith(target.known_raw) and relay.head.method != b"HEAD":
            self._buffer = b""
            self._begin(relay, target.known, data[len(target.known_raw) :])
            return
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4 or end > self._plane.limits.response_header_bytes:
                self._keep_partial(data)
                return
            try:
                raw = data[:end]
                head = parse_response(raw, relay.head.method == b"HEAD")
            except Refused as refused:
                relay.upstream_broke(502, refused.reason)
                return
            data = data[end:]
            if head.status >= 200:
                break
            if head.status == 101:
                relay.switch_protocols(head, data)
                return
            self._interim += 1
            if self._interim > self._plane.limits.interim_responses:
                relay.upstream_broke(502, "The app sends interim answers without end.")
                return
            relay.interim(head)
        if relay.head.method != b"HEAD":
            target.known, target.known_raw = head, raw
        self._buffer = b""
        self._begin(relay, head, data)

    def _keep_partial(self, data: bytes) -> None:
        self._buffer = data
        if len(data) > self._plane.limits.response_header_bytes:
            assert self.relay is not None
            self.relay.upstream_broke(502, "The header of the app's answer is too large.")

    def _begin(self, relay: "Relay", head: ResponseHead, data: bytes) -> None:
        length = head.length
        self._keep = head.keep_alive
        if self._target.trouble is not None:
            self._target.note_answer(self._plane.now)
        if length >= 0 and len(data) >= length:
            if len(data) > length:
                self._keep = False
                data = data[:length]
            self.release()
            relay.respond(head, data, True)
            return
        self._left = length
        self._decoder = ChunkedDecoder() if length == CHUNKED else None
        if length < 0:
            relay.respond(head, b"", False)
        else:
            self._left = length - len(data)
            relay.respond(head, data, False)
            return
        if data and self.relay is relay:
            self._read_body(data)

    def _read_body(self, data: bytes) -> None:
        relay = self.relay
        assert relay is not None
        if self._left > 0:
            self._read_counted(relay, data)
        elif self._decoder is not None:
            self._read_chunked(relay, self._decoder, data)
        else:
            relay.data(data)

    def _read_counted(self, relay: "Relay", data: bytes) -> None:
        left = self._left = self._left - len(data)
        if left > 0:
            relay.data(data)
            return
        if left < 0:
            self._keep = False
            data = data[:left]
        relay.data(data)
        if self.relay is relay:
            self.release()
            relay.complete()

    def _read_chunked(self, relay: "Relay", decoder: ChunkedDecoder, data: bytes) -> None:
        try:
            pieces = decoder.feed(data)
        except Refused as refused:
            relay.upstream_broke(502, refused.reason)
            return
        if pieces:
            relay.data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if decoder.done and self.relay is relay:
            self._keep = self._keep and not decoder.rest
            self.release()
            relay.complete()
        elif decoder.more:
            self._read_later()

    def _read_later(self) -> None:
        """Nothing is read until the chunks that are here were taken."""
        self.pause()
        if not self._reading_on:
            self._reading_on = True
            self._plane.loop.call_soon(self._read_rest)

    def _read_rest(self) -> None:
        self._reading_on = False
        relay, decoder = self.relay, self._decoder
        if relay is None or decoder is None or not decoder.more or relay.choked:
            return
        self._read_chunked(relay, decoder, b"")
        if not decoder.more and not relay.choked:
            self.resume()

    def release(self) -> None:
        """Lets go of the exchange: back to the pool, unless either side said or showed that it cannot be used again."""
        relay, self.relay = self.relay, None
        if relay is not None:
            relay.upstream = None
        self._decoder = None
        self._buffer = b""
        if self._paused:
            self.resume()
        if not self._keep or (relay is not None and relay.client.body_left):
            self.close()
        else:
            self.idle_since = self._plane.loop.time()
            self._target.give_back(self, self._plane.limits)

    def pause(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self.transport.is_closing():
            if self._decoder is not None and self._decoder.more:
                self._read_later()
                return
            self._paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.relay is not None:
            self.relay.client.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.relay is not None:
            self.relay.client.resume_reading()

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        relay, self.relay = self.relay, None
        if relay is None:
            if self in self._target.idle:
                self._target.idle.remove(self)
            return
        relay.upstream = None
        if self._left == _AWAITING_HEAD:
            if self._buffer or self._interim:
                relay.upstream_broke(502, "The app closed the connection in the middle of its answer.")
            else:
                relay.lost_before_answer(self)
        elif self._left == UNTIL_CLOSE and error is None:
            relay.complete()
        else:
            relay.break_off()
