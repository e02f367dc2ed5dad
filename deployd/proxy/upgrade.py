"""After a 101: bytes pass both ways as they are, each side slowed to the speed of the other."""

import asyncio
from typing import TYPE_CHECKING

from deployd.proxy.websocket_frames import GOING_AWAY, FrameBoundaries

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
        return self._tunnel.half_closed(self._far) and self._near.can_write_eof()  # TLS has no half-closed side.

    def connection_lost(self, error: Exception | None) -> None:
        self._tunnel.ended()


class AppEnd(TunnelEnd):
    """The app's side; follows its frames, so that one of our own can be put between two of them."""

    __slots__ = ("frames",)

    def __init__(self, tunnel: "Tunnel", near: asyncio.Transport, far: asyncio.Transport) -> None:
        super().__init__(tunnel, near, far, True)
        self.frames = FrameBoundaries()

    def data_received(self, data: bytes) -> None:
        self.frames.feed(data)
        self._tunnel.passed(len(data))
        self._far.write(data)


class LeavingEnd(TunnelEnd):
    """In its place once the client is to go: ends the frame under way, says goodbye, and drops what comes after.

    The client's own Close goes to the app like all it sends, so the app sees an orderly end, too.
    """

    __slots__ = ("_frames",)

    def __init__(self, tunnel: "Tunnel", near: asyncio.Transport, far: asyncio.Transport, frames: FrameBoundaries):
        super().__init__(tunnel, near, far, True)
        self._frames: FrameBoundaries | None = frames
        if frames.between_frames:
            self._say_goodbye()

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            return
        end = self._frames.first_boundary(data)
        if end < 0:
            self._frames.feed(data)
            super().data_received(data)
        else:
            super().data_received(data[:end])
            self._say_goodbye()

    def eof_received(self) -> bool:
        """After the goodbyes nobody has anything left to say."""
        if self._frames is not None:
            return super().eof_received()
        self._tunnel.ended()
        return False

    def _say_goodbye(self) -> None:
        self._frames = None
        super().data_received(GOING_AWAY)


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
        self._app_end = AppEnd(self, self._upstream, self._client)
        self._leaving = False
        early = client.hand_over(self)
        upstream.relay = None
        self._client.set_protocol(TunnelEnd(self, self._client, self._upstream, False))
        self._upstream.set_protocol(self._app_end)
        upstream.resume()
        if early:
            self._upstream.write(early)
        if rest:
            self._app_end.data_received(rest)
        if self._plane.closing or (relay.backend is not None and relay.backend.draining):
            self.leave()

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
        service = self._relay.service
        if service is not None and now - self._relay.seen > service.tunnel_idle_seconds:
            self._close()

    def leave(self) -> None:
        """Asks the client to go, and come again if it likes; whoever stays is cut in the end."""
        if self._open and not self._leaving:
            self._leaving = True
            self._upstream.set_protocol(LeavingEnd(self, self._upstream, self._client, self._app_end.frames))

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
            self._plane.peers.leave(self._relay.client.peer)
            self._close()
            self._relay.end()

    def _close(self) -> None:
        self._client.close()
        self._upstream.close()
