"""A client's connection behind TLS: what differs from a plain one."""

import asyncio
from typing import TYPE_CHECKING

from deployd.proxy.protocol import ClientConnection
from deployd.proxy.request_head import RequestHead
from deployd.proxy.tls.context import ACME_TLS, HTTP_2

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane
    from deployd.proxy.tls.handshakes import Handshake


class SecureConnection(ClientConnection):
    __slots__ = ("_handshake",)

    def __init__(self, plane: "Plane", peer: str | None = None, handshake: "Handshake | None" = None) -> None:
        super().__init__(plane, b"https", peer)
        self._handshake = handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._handshake is not None:
            self._handshake.uncount()
            self._handshake = None
        super().connection_made(transport)
        protocol = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if protocol == ACME_TLS:
            self.transport.close()  # The authority has seen the proof in the handshake; nothing else is served here.
        elif protocol == HTTP_2 and self.plane.http2 is not None and not self.transport.is_closing():
            self.plane.leave(self)
            speaker = self.plane.http2(self.plane, self.peer)
            self.transport.set_protocol(speaker)
            speaker.connection_made(self.transport)

    def connection_line(self, head: RequestHead) -> bytes:
        line = super().connection_line(head)
        service = self.exchange.service if self.exchange is not None else None
        return line + service.hsts if service is not None else line

    def eof_received(self) -> bool:
        """TLS has no half-closed connections."""
        return False
