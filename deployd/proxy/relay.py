"""The exchange with an upstream: chosen, connected, asked, relayed both ways, asked once more where that is safe."""

import asyncio
from typing import TYPE_CHECKING

from deployd.proxy.balancer import pick
from deployd.proxy.chunked import LAST_CHUNK, encode_chunk
from deployd.proxy.exchange import Exchange
from deployd.proxy.forwarding import request_bytes
from deployd.proxy.request_head import CHUNKED, RequestHead
from deployd.proxy.response_head import ResponseHead
from deployd.proxy.service import Service
from deployd.proxy.sticky import Sticky
from deployd.proxy.target import Target
from deployd.proxy.upgrade import Tunnel
from deployd.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from deployd.proxy.protocol import ClientConnection


class Relay(Exchange):
    __slots__ = ("_encode", "_event_stream", "_extra", "_request", "_retried", "tunnel", "upstream")

    def __init__(self, client: "ClientConnection", head: RequestHead, service: Service) -> None:
        Exchange.__init__(self, client, head, service)  # for each request: `super()` takes three times as long
        self.upstream: UpstreamConnection | None = None
        self._request = b""
        self._extra = b""
        self._retried = False
        self._encode = False
        self._event_stream = False
        self.tunnel: Tunnel | None = None

    def start(self) -> None:
        head, service = self.head, self.service
        assert service is not None
        prefix = self.plane.table.prefix_of(head.host, head.target) if service.strips else b""
        self._request = request_bytes(head, self.client, self.request_id, self.started_ms, prefix)
        self._ask()

    def _ask(self, avoid: Target | None = None, fresh: bool = False) -> None:
        """Binds to a target and sends the head, at once over a pooled connection or after connecting."""
        plane = self.plane
        now = plane.loop.time()
        service = self.service
        assert service is not None
        sticky = service.sticky
        # Here and in `end` calls are spelled out: for each request they cost a twelfth of what we do for it.
        if sticky is None:
            target = service.targets[0] if len(service.targets) == 1 else pick(service.targets, now, avoid)
        else:
            target = self._stuck_to(sticky, service, now, avoid)
        self.backend = target
        target.exchanges.add(self)
        upstream = None
        if target.idle and not fresh:
            if self.head.replayable:
                upstream = target.take_idle(service.idle_seconds, now)
            elif self.client.familiar or not service.owns_first:
                upstream = target.take_idle(service.unsafe_idle_seconds, now)
        if upstream is not None:
            self._send(upstream)
        else:
            plane.tasks.spawn(self._connect(target), name=f"connect to {target.name}")

    def _stuck_to(self, sticky: Sticky, service: Service, now: float, avoid: Target | None) -> Target:
        """Where the visitor was before; a cookie says where from now on, when that is elsewhere."""
        head = self.head
        target = sticky.known(head.fields)
        if target is not None and target is not avoid and target.refused_until <= now:
            self._extra = b""
            return target
        target = pick(service.targets, now, avoid)
        prefix = self.plane.table.prefix_of(head.host, head.target)
        self._extra = sticky.cookie(target, prefix, secure=self.client.scheme == b"https")
        return target

    async def _connect(self, target: Target) -> None:
        try:
            async with asyncio.timeout(self.plane.limits.connect_seconds):
                upstream = await self._open(target)
        except TimeoutError:
            self._not_connected(target, 504, "The app does not accept connections in time.")
        except OSError:
            self._not_connected(target, 502, "The app does not accept connections.")
        else:
            if self.ended:
                upstream.release()
                return
            assert self.service is not None
            self.service.waited(self.plane.clock.monotonic() - self.started)
            self._send(upstream)

    async def _open(self, target: Target) -> UpstreamConnection:
        plane, address = self.plane, target.address
        upstream = UpstreamConnection(plane, target)
        if address.path:
            await plane.loop.create_unix_connection(lambda: upstream, address.path)
        else:
            await plane.loop.create_connection(lambda: upstream, address.host, address.port)
        return upstream

    def _not_connected(self, target: Target, status: int, reason: str) -> None:
        self._note_failure(target, refused=True)
        if self.ended:
            return
        if self._retried:
            self.fail(status, reason)
        else:
            self._again(target)

    def _again(self, failed: Target) -> None:
        self._retried = True
        self.unbind()
        self.upstream = None
        if self.service is not None and self.service.targets:
            self._ask(avoid=failed, fresh=True)
        else:
            self.fail(503, "The app was stopped while this request was waiting.")

    def _send(self, upstream: UpstreamConnection) -> None:
        self.upstream = upstream
        self.client.familiar = True
        self.seen = self.plane.now
        upstream.serve(self, self._request)
        if self.head.length:
            self.client.start_body()

    @property
    def wants_body(self) -> bool:
        return self.upstream is not None

    @property
    def wants_more(self) -> bool:
        return self.upstream is not None and not self.upstream.write_paused

    @property
    def choked(self) -> bool:
        """Whether nothing more is to come of the upstream's answer until `resume_source`."""
        return self.client.write_paused

    def body(self, data: bytes) -> None:
        if self.upstream is not None:
            self.seen = self.plane.now
            self.upstream.transport.write(encode_chunk(data) if self.head.length == CHUNKED else data)

    def body_ended(self) -> None:
        if self.upstream is not None and self.head.length == CHUNKED:
            self.upstream.transport.write(LAST_CHUNK)

    def interim(self, head: ResponseHead) -> None:
        """A 1xx answer: passed on to clients that know of them, except the 100 that we gave ourselves."""
        if head.status != 100 and self.head.is_1_1:
            self.client.transport.write(b"%b\r\n" % head.lines)

    def respond(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        """The final head with what came of the body; `complete` when that is all of it."""
        client = self.client
        self.status = head.status
        self.seen = self.plane.now
        framing = b""
        if head.length < 0:
            if self.head.is_1_1:
                self._encode = True
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                client.keep_alive = False
            self._event_stream = head.event_stream
        self.sent = len(body)
        client.transport.write(
            b"".join(
                (
                    head.lines,
                    self._extra,
                    framing,
                    b"" if head.has_date else self.plane.date,
                    client.connection_line(self.head),
                    b"\r\n",
                    body,
                )
            )
        )
        if complete:
            self.end()
        elif client.write_paused:
            self.pause_source()

    def data(self, piece: bytes) -> None:
        self.seen = self.plane.now
        self.sent += len(piece)
        self.client.transport.write(encode_chunk(piece) if self._encode else piece)

    def complete(self) -> None:
        """The upstream's answer is whole; its connection has been let go already."""
        if self._encode:
            self.client.transport.write(LAST_CHUNK)
        self.end()

    def switch_protocols(self, head: ResponseHead, rest: bytes) -> None:
        """The upstream agreed to a WebSocket: from here on bytes pass as they are, until one side ends."""
        upstream = self.upstream
        if not self.head.upgrade or head.protocol != b"websocket" or upstream is None:
            self.upstream_broke(502, "The app switched to a protocol that was not asked for.")
            return
        self.status = 101
        self.client.transport.write(
            b"%b%bConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" % (head.lines, self._extra)
        )
        self.upstream = None
        Tunnel(self, self.client, upstream, rest)

    def lost_before_answer(self, upstream: UpstreamConnection) -> None:
        """The connection ended without a byte: a pooled one may just have been closed as we took it."""
        if self.ended:
            return
        if upstream.uses > 1 and self.head.replayable and not self._retried:
            assert isinstance(self.backend, Target)
            self._again(self.backend)
        else:
            self.upstream_broke(502, "The app closed the connection without an answer.")

    def cut(self) -> None:
        if self.tunnel is not None:
            self.was_cut = True
            self.tunnel.ended()
        else:
            super().cut()

    def _note_failure(self, target: Target, refused: bool) -> None:
        if target.note_failure(self.plane.loop.time(), refused):
            self.plane.ejections += 1

    def upstream_broke(self, status: int, reason: str) -> None:
        if isinstance(self.backend, Target):
            self._note_failure(self.backend, refused=False)
        self.upstream_close()
        self.fail(status, reason)

    def upstream_close(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.relay = None
            upstream.abort()

    def pause_source(self) -> None:
        if self.upstream is not None:
            self.upstream.pause()

    def resume_source(self) -> None:
        if self.upstream is not None:
            self.upstream.resume()

    @property
    def longest_seconds(self) -> float:
        """For how long the answer's head is waited for."""
        return self.plane.limits.response_seconds

    def sweep(self, now: float) -> None:
        limits = self.plane.limits
        silent = now - self.seen
        if self.upstream is None:
            return  # connecting has its own deadline
        if self.status:
            assert self.service is not None
            if silent > (self.service.tunnel_idle_seconds if self._event_stream else limits.body_idle_seconds):
                self.upstream_broke(504, "The answer stopped in the middle.")
        elif self.client.body_left:
            if silent > limits.body_idle_seconds and self.upstream.write_paused:
                self.upstream_broke(504, "The app did not take the request's body in time.")
            elif silent > limits.body_idle_seconds:
                self.upstream_close()
                self.refuse(408, "The request's body stopped in the middle.")
        elif silent > self.longest_seconds:
            self.upstream_broke(504, "The app did not answer in time.")

    def end(self) -> None:
        if self.upstream is not None:
            self.upstream_close()
        Exchange.end(self)
