"""After a 101: bytes pass both ways as they are, each side slowed to the speed of the other."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployd.proxy.protocol import ClientConnection
    from deployd.proxy.relay import Relay
    from deployd.proxy.upstream import UpstreamConnection


class TunnelEnd(asyncio.Protocol):
    """Reads one side and writes to the transport of the other."""

    __slots__ = ("_far", "_near", "_to_client", "_tunnel")

    def __init__(self, tunnel: "Tunnel", near: asyncio.Transport, far: asyncio.Transport, to_client: bool) -> None:
        self._tunnel = tunnel
        self._near = near
        self._far = far
        self._to_client = to_client

    def data_received(self, data: bytes) -> None:
        self._tunnel.passed(len(data) if self._to_client else 0)
        self._far.write(data)

    def pause_writing(self) -> None:
        self._far.pause_reading()

    def resume_writing(self) -> None:
        if not self._far.is_closing():
            self._far.resume_reading()

    def eof_received(self) -> bool:
        return self._tunnel.half_closed(self._far)

    def connection_lost(self, error: Exception | None) -> None:
        self._tunnel.ended()


class Tunnel:
    """Stands in the plane's set of connections in place of the client's; its exchange ends when the tunnel does."""

    def __init__(self, relay: "Relay", client: "ClientConnection", upstream: "UpstreamConnection", rest: bytes) -> None:
        self._relay = relay
        self._plane = relay.plane
        self._client = client.transport
        self._upstream = upstream.transport
        self._open = True
        self._eofs = 0
        relay.tunnel = self
        early = client.hand_over(self)
        upstream.relay = None
        self._client.set_protocol(TunnelEnd(self, self._client, self._upstream, False))
        self._upstream.set_protocol(TunnelEnd(self, self._upstream, self._client, True))
        upstream.resume()
        if early:
            self._upstream.write(early)
        if rest:
            self.passed(len(rest))
            self._client.write(rest)

    def passed(self, to_client: int) -> None:
        self._relay.seen = self._plane.now
        self._relay.sent += to_client

    def half_closed(self, far: asyncio.Transport) -> bool:
        """One side has said all it had to say; True as long as the other may still answer."""
        self._eofs += 1
        if self._eofs == 2 or far.is_closing() or not far.can_write_eof():
            self.ended()
        else:
            far.write_eof()
        return self._open

    def sweep(self, now: float) -> None:
        if now - self._relay.seen > self._plane.limits.tunnel_idle_seconds:
            self._close()

    def close_idle(self) -> None:
        """A tunnel is never between exchanges: it stays until the drain is over."""

    def abort(self) -> None:
        self._client.abort()
        self._upstream.abort()

    def ended(self) -> None:
        """One side is gone: let the other have what is still on its way, then close it too."""
        if self._open:
            self._open = False
            self._plane.leave(self)
            self._close()
            self._relay.end()

    def _close(self) -> None:
        self._client.close()
        self._upstream.close()
