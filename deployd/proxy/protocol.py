"""A client's connection: cuts the byte stream into requests and runs one exchange at a time."""

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Protocol, cast

from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.compressing_relay import CompressingRelay
from deployd.proxy.exchange import Exchange
from deployd.proxy.forwarding import origin_lines
from deployd.proxy.known_request import KnownRequest
from deployd.proxy.pace import Pace
from deployd.proxy.pages import answer, render
from deployd.proxy.refused import Refused
from deployd.proxy.relay import Relay
from deployd.proxy.request_head import CHUNKED, RequestHead, parse_request, request_line
from deployd.proxy.route_table import plain_host
from deployd.proxy.static import SiteExchange
from deployd.proxy.tls.challenge_exchange import ChallengeExchange, answers
from deployd.proxy.trusted import scheme_of

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane, Swept
    from deployd.proxy.service import Service

_RESET = struct.pack("ii", 1, 0)
_TOO_MANY = Refused(429, "Too many connections are open from your address; close some, then try again.")


class _HasSocket(Protocol):
    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...


class ClientConnection(asyncio.Protocol):
    """`buffer` holds what belongs to a later moment: a head in parts, a body not wanted yet, a next request."""

    __slots__ = (
        "_address",
        "_advancing",
        "_body_bytes",
        "_decoder",
        "_feeding",
        "_half_closed",
        "_known",
        "_lingered",
        "_own_scheme",
        "_pace",
        "_read_paused",
        "_since",
        "body_left",
        "buffer",
        "exchange",
        "familiar",
        "hops",
        "ip",
        "keep_alive",
        "origin",
        "peer",
        "plane",
        "scheme",
        "transport",
        "trusted",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, plane: "Plane", scheme: bytes = b"http", peer: str | None = None) -> None:
        """`peer` is the client's address where another proxy has said it before the first byte."""
        self.plane = plane
        self.scheme = self._own_scheme = scheme
        self._address = peer
        self.familiar = False
        self.hops: list[str] = []
        self.exchange: Exchange | None = None
        self.buffer = b""
        self.body_left = 0
        self.keep_alive = True
        self.write_paused = False
        self._decoder: ChunkedDecoder | None = None
        self._feeding = False
        self._read_paused = False
        self._advancing = False
        self._half_closed = False
        self._lingered = -1
        self._since = plane.now
        self._known: KnownRequest | None = None
        self._body_bytes = 0
        self._pace: Pace | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.ip: str = self._address or (peer[0] if peer else "unknown")
        self._address = self.ip
        self.trusted = self.ip in self.plane.trusted
        self.origin = origin_lines(self.ip, self.scheme)
        self.peer = self.ip  # what it is counted under; `ip` may yet turn out to be somebody behind it
        if self.plane.peers.enter(self.peer):
            self.plane.connections.add(self)
        else:
            self.peer = ""
            self._turn_away()

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            if self._lingered >= 0:
                self._linger_on(len(data))
            else:
                self._advance(self.buffer + data if self.buffer else data)
        elif self.body_left and not self.buffer and exchange.wants_body:
            self._feed_body(exchange, data)
        else:
            self.buffer += data
            self.pause_reading()

    def _turn_away(self) -> None:
        """Nothing is waited for: lingering is what there is too much of."""
        content_type, body = render(_TOO_MANY.status, _TOO_MANY.reason, b"")
        extra = self.plane.date + b"Connection: close\r\nRetry-After: 5\r\n"
        self.transport.write(answer(_TOO_MANY.status, content_type, body, extra) + body)
        self.plane.unrouted[_TOO_MANY.status // 100] += 1
        self.transport.close()

    # -- requests ---------------------------------------------------------------------------------------------------

    def _advance(self, data: bytes) -> None:
        """Starts the requests in `data`, until one has to be waited for or `data` ends in the middle of one."""
        self._advancing = True
        turns = self.plane.limits.requests_per_turn
        while data:
            if data[0] in b"\r\n":
                data = data.lstrip(b"\r\n")
                continue
            head, end = self._known.recognise(data) if self._known is not None else (None, 0)
            if head is None:
                end = data.find(b"\r\n\r\n") + 4
                if end < 4 or end > self.plane.limits.header_bytes:
                    self._keep_partial(data, end)
                    break
                raw = data[:end]
                try:
                    head = parse_request(raw, self.plane.limits)
                except Refused as refused:
                    self._refuse(refused)
                    break
                self._known = KnownRequest(raw, head)
            if not self._begin(head, data, end):
                break
            data, self.buffer = self.buffer, b""
            turns -= 1
            if data and not turns:
                self._let_others(data)
                return
        self._advancing = False

    def _let_others(self, data: bytes) -> None:
        """A flood of requests that are answered on the spot must not hold up the loop."""
        self.buffer = data
        self.pause_reading()
        self.plane.loop.call_soon(self._go_on_after_others)

    def _go_on_after_others(self) -> None:
        self._advancing = False
        if self.exchange is None and self._lingered < 0 and not self.transport.is_closing():
            self._go_on()

    def _begin(self, head: RequestHead, data: bytes, end: int, waited: Exchange | None = None) -> bool:
        """Starts the exchange; True when it is over already and the next may start. The door let in who `waited`."""
        if self.trusted:
            self._introduce(head)
        try:
            service = self.plane.table.find(head.host, head.target)
        except Refused as refused:
            self._refuse(refused)
            return False
        exchange = self._exchange_for(head, service, waited)
        if exchange is None:
            self._hand_to_control(data)
            return False
        self.keep_alive = head.keep_alive
        self.body_left = head.length
        self._decoder = None
        if head.length == CHUNKED:
            self._decoder = ChunkedDecoder(service.body_limit if service is not None else 0)
        self.buffer = data[end:]
        self.exchange = exchange
        if waited is not None:
            exchange.take_over(waited)
        exchange.start()
        if self.exchange is None:
            return not (self._lingered >= 0 or self.write_paused or self.transport.is_closing())
        if self.buffer:
            self.pause_reading()
        return False

    def _exchange_for(self, head: RequestHead, service: "Service | None", waited: Exchange | None) -> Exchange | None:
        """None for deployd's own web server."""
        if self.plane.challenges is not None and answers(self.plane.challenges, head.target):
            return ChallengeExchange(self, head, None)
        if service is None:
            return None if plain_host(head.host) in self.plane.control_hosts else Exchange(self, head, None)
        if service.door is not None and waited is None and (guarding := service.door.receive(self, head)) is not None:
            return guarding
        if service.canary is not None:
            return service.canary.exchange_for(self, head)
        if service.targets:
            relay = CompressingRelay if head.codings and service.compresses else Relay
            return relay(self, head, service)
        if service.site is not None:
            return SiteExchange(self, head, service)
        return Exchange(self, head, service)

    def let_in(self, waited: Exchange) -> None:
        """Its time at the door is over: the request starts anew, with whatever serves it now."""
        if self.exchange is waited and not self.transport.is_closing():
            data, self.buffer = self.buffer, b""
            self.exchange = None
            self._begin(waited.head, data, 0, waited)

    def _introduce(self, head: RequestHead) -> None:
        """The proxy in front says whose request it is."""
        received = head.received or {}
        chain = received.get(b"x-forwarded-for") or received.get(b"x-real-ip", b"")
        self.hops = self.plane.trusted.chain(self._address or self.ip, chain)
        self.ip = self.hops[0]
        self.scheme = scheme_of(received.get(b"x-forwarded-proto"), self._own_scheme)

    def _keep_partial(self, data: bytes, end: int) -> None:
        limits = self.plane.limits
        if end > limits.header_bytes or len(data) > limits.header_bytes:
            self._refuse(Refused(431, f"The request's header is larger than {limits.header_bytes} bytes."))
        elif b"\r\n" not in data and len(data) > limits.target_bytes + 64:
            self._refuse(Refused(414, f"The address is longer than {limits.target_bytes} bytes."))
        elif not 65 <= data[0] <= 90 or data.count(b"\n") != data.count(b"\r\n"):
            self._refuse(Refused(400, "The request is not valid HTTP."))
        else:
            at = data.find(b"\r\n")
            try:
                if at >= 0:
                    request_line(data[:at], limits)
            except Refused as refused:
                self._refuse(refused)
                return
            if not self.buffer:
                self._since = self.plane.now
            self.buffer = data

    def _refuse(self, refused: Refused) -> None:
        """Answers bytes that are no request, and believes nothing that follows."""
        self.buffer = b""
        content_type, body = render(refused.status, refused.reason, b"")
        head = answer(refused.status, content_type, body, self.plane.date + b"Connection: close\r\n")
        self.transport.write(head + body)
        self.plane.unrouted[refused.status // 100] += 1
        self._linger()

    def exchange_ended(self, exchange: Exchange) -> None:
        if self.exchange is not exchange:
            return
        self.exchange = None
        plane = self.plane
        self._since = plane.now
        if self.transport.is_closing():
            return
        if self.body_left or not self.keep_alive or plane.impatient:
            if self.body_left or self.buffer:
                self._linger()
            else:
                self.transport.close()
            return
        if self.buffer or self._read_paused or self._half_closed:
            self._go_on()

    def _go_on(self) -> None:
        """Between exchanges: takes up the next request that is here already, or reads on."""
        if self._advancing or self.write_paused:
            return
        if self.buffer:
            data, self.buffer = self.buffer, b""
            self._advance(data)
        if self.exchange is None and not self._advancing:
            if self._half_closed and not self.transport.is_closing():
                self.transport.close()
            else:
                self.resume_reading()

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

    def connection_line(self, head: RequestHead) -> bytes:
        """What the answer's head says about this connection; decides it, too."""
        if self.body_left or self.plane.closing:
            self.keep_alive = False
        if self.keep_alive:
            return b"" if head.is_1_1 else b"Connection: keep-alive\r\n"
        return b"Connection: close\r\n"

    def eof_received(self) -> bool:
        """A client may stop sending and still read, or be gone: its whole requests are answered if that is soon."""
        self._half_closed = True
        self._since = self.plane.now
        return self.exchange is not None and not self.body_left

    def connection_lost(self, error: Exception | None) -> None:
        self.plane.leave(self)
        self.plane.peers.leave(self.peer)
        if self.exchange is not None:
            self.exchange.client_gone()

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
        else:
            self._known = None
            if silent > limits.keep_alive_seconds:
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

    # -- other protocols --------------------------------------------------------------------------------------------

    def _hand_to_control(self, data: bytes) -> None:
        """From this request on the connection belongs to deployd's own web server."""
        protocol = self.plane.control()
        self.plane.leave(self)
        self.plane.peers.lend(self.transport, self.peer)
        self.buffer = b""
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        self.resume_reading()
        protocol.data_received(data)

    def hand_over(self, tunnel: "Swept") -> bytes:
        """A tunnel takes the transport; what the client has sent ahead is given to it."""
        self.plane.connections.add(tunnel)
        self.plane.leave(self)
        self.exchange = None
        self.resume_reading()
        early, self.buffer = self.buffer, b""
        return early
