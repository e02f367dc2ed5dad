"""deployd's own web server behind the proxy: each request for a control host is relayed to it like an app's to the app.

So a connection stays the proxy's from its first to its last byte: what comes next on it is routed by its own Host, and
every limit holds.
"""

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from deployd.domain.edge import EdgeSettings
from deployd.domain.ids import SYSTEM_APP
from deployd.domain.route import Address, Route
from deployd.proxy.relay import Relay
from deployd.proxy.service import Service
from deployd.proxy.target import Target
from deployd.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane

_LONGEST_SECONDS = 600.0
"""Whoever answers there has deadlines of its own, the longest of them a minute or two."""
_AWAY = "deployd's own pages and API cannot be reached right now; try again in a few seconds."
_TITLE = "Please try again"
_RETRY = b"Retry-After: 2\r\n"


def control_service(plane: "Plane") -> Service:
    """Stands in no route table: no app is served under a control host."""
    service = Service(SYSTEM_APP, plane)
    inside = Address(path="control host")
    service.switch(Route(app=SYSTEM_APP, hosts=(), targets=(inside,), edge=EdgeSettings(compress=False)))
    return service


class ControlRelay(Relay):
    __slots__ = ()

    async def _open(self, target: Target) -> UpstreamConnection:
        """A pair of sockets that nobody else can connect to; OSError while the web server is not there."""
        loop = self.plane.loop
        server, client = self.plane.control(), UpstreamConnection(self.plane, target)
        with ExitStack() as unused:
            near, far = (unused.enter_context(end) for end in socket.socketpair())
            near.setblocking(False)
            far.setblocking(False)
            await loop.connect_accepted_socket(lambda: server, far)
            await loop.create_unix_connection(lambda: client, sock=near)
            unused.pop_all()
        return client

    def _not_connected(self, target: Target, status: int, reason: str) -> None:
        if not self.ended:
            self.fail(status, reason)

    def _note_failure(self, target: Target, refused: bool) -> None:
        """There is no other to be asked instead."""

    def fail(self, status: int, reason: str, extra: bytes = b"") -> None:
        """Another process may be taking over just now: it is reached by a new connection."""
        self.client.keep_alive = False
        self.failed = True
        self.refuse(503, _AWAY, _RETRY, _TITLE)

    @property
    def longest_seconds(self) -> float:
        return _LONGEST_SECONDS
