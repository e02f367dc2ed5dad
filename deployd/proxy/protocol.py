"""A client's connection: cuts the byte stream into requests and runs one exchange at a time."""

import asyncio
from typing import TYPE_CHECKING, cast

from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.client_stream import ClientStream
from deployd.proxy.compressing_relay import CompressingRelay
from deployd.proxy.control import ControlRelay
from deployd.proxy.exchange import Exchange
from deployd.proxy.forwarding import origin_lines
from deployd.proxy.known_request import KnownRequest
from deployd.proxy.pages import answer
from deployd.proxy.refused import Refused
from deployd.proxy.relay import Relay
from deployd.proxy.request_head import CHUNKED, RequestHead, parse_request, request_line
from deployd.proxy.static import SiteExchange
from deployd.proxy.tls.challenge_exchange import ChallengeExchange, answers
from deployd.proxy.trusted import scheme_of

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane, Swept
    from deployd.proxy.service import Service

_TOO_MANY = Refused(429, "Too many connections are open from your address; close some, then try again.")


class ClientConnection(ClientStream):
    __slots__ = (
        "_address",
        "_advancing",
        "_known",
        "_own_scheme",
        "familiar",
        "hops",
        "ip",
        "keep_alive",
        "origin",
        "peer",
        "scheme",
        "trusted",
    )

    def __init__(self, plane: "Plane", scheme: bytes = b"http", peer: str | None = None) -> None:
        """`peer` is the client's address where another proxy has said it before the first byte."""
        super().__init__(plane)
        self.scheme = self._own_scheme = scheme
        self._address = peer
        self.familiar = False
        self.hops: list[str] = []
        self.keep_alive = True
        self._advancing = False
        self._known: KnownRequest | None = None

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
        content_type, body = self.plane.pages.render(_TOO_MANY.status, _TOO_MANY.reason, b"")
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

    def _exchange_for(self, head: RequestHead, service: "Service | None", waited: Exchange | None) -> Exchange:
        if self.plane.challenges is not None and answers(self.plane.challenges, head.target):
            return ChallengeExchange(self, head, None)
        if service is None:
            own = self.plane.own if head.name in self.plane.control_hosts else None
            return Exchange(self, head, None) if own is None else ControlRelay(self, head, own)
        door = service.door
        if door is None and service.upgraded and self.scheme == b"http" and head.name in service.upgraded:
            door = service.doorman
        if door is not None and waited is None and (guarding := door.receive(self, head)) is not None:
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
        content_type, body = self.plane.pages.render(refused.status, refused.reason, b"")
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

    # -- ends and other protocols ----------------------------------------------------------------------------------

    def connection_line(self, head: RequestHead) -> bytes:
        """What the answer's head says about this connection; decides it, too."""
        if self.body_left or self.plane.closing:
            self.keep_alive = False
        if self.keep_alive:
            return b"" if head.is_1_1 else b"Connection: keep-alive\r\n"
        return b"Connection: close\r\n"

    def sweep(self, now: float) -> None:
        super().sweep(now)
        if self.exchange is None and not self.buffer:
            self._known = None

    def connection_lost(self, error: Exception | None) -> None:
        self.plane.leave(self)
        self.plane.peers.leave(self.peer)
        if self.exchange is not None:
            self.exchange.client_gone()

    def hand_over(self, tunnel: "Swept") -> bytes:
        """A tunnel takes the transport; what the client has sent ahead is given to it."""
        self.plane.connections.add(tunnel)
        self.plane.leave(self)
        self.exchange = None
        self.resume_reading()
        early, self.buffer = self.buffer, b""
        return early
