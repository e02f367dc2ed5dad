"""FrontActor: opens the doors once everything behind them stands, and closes them first."""

import socket
from collections.abc import Callable
from typing import Protocol

from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.doors import Doors
from deployd.kernel.actor import Actor
from deployd.kernel.message import Message
from deployd.kernel.ref import Ref
from web.server import WebServer

_PATIENT_SECONDS = 5.0


class FrontMessage(Message, frozen=True, kw_only=True):
    """FrontActor is told nothing: connections reach the listeners, not the mailbox."""


class Listener(Protocol):
    """What FrontActor needs of deployd.proxy.Proxy."""

    async def accept_from(self, door: socket.socket) -> None: ...
    async def accept_tls_from(self, door: socket.socket) -> None: ...
    def stop_accepting(self) -> None: ...
    async def close(self, drain_seconds: float, patient_seconds: float = 0.0) -> None: ...


class FrontActor(Actor[FrontMessage]):
    def __init__(
        self,
        ref: Ref[FrontMessage],
        server: WebServer,
        proxy: Listener,
        doors: Doors,
        public: Address,
        close_seconds: float,
        followed: Callable[[], bool],
        secure: Address | None = None,
        opened: Callable[[], object] = lambda: None,
    ) -> None:
        """`followed` tells whether a new process takes over, which opens the doors again; `opened` is called when they
        are open. `secure` is where https is listened for."""
        super().__init__(ref)
        self._secure = secure
        self._opened = opened
        self._doors = doors
        self._followed = followed
        self._server = server
        self._proxy = proxy
        self._public = public
        self._close_seconds = close_seconds

    async def on_start(self) -> None:
        await self._server.start()
        try:
            await self._proxy.accept_from(self._doors.open(self._public, "server.http"))
            if self._secure is not None:
                await self._proxy.accept_tls_from(self._doors.open(self._secure, "server.https"))
        except UserMistake:
            self._proxy.stop_accepting()
            await self._server.stop()
            raise
        self._opened()

    async def handle(self, message: FrontMessage) -> object:
        return None

    async def on_stop(self) -> None:
        if self._followed():
            self._proxy.stop_accepting()
        else:
            self._proxy.stop_accepting()
            await self._server.end_streams()  # They pass through the proxy, which waits for what is under way.
            # Where connections wait for the next start, none needs to see its last request crossed by its closing.
            await self._proxy.close(self._close_seconds, _PATIENT_SECONDS if self._doors.kept else 0.0)
        await self._server.stop()
