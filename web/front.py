"""FrontActor: opens the doors once everything behind them stands, and closes them first."""

from typing import Protocol

from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.kernel.actor import Actor
from deployd.kernel.message import Message
from deployd.kernel.ref import Ref
from web.server import WebServer


class FrontMessage(Message, frozen=True, kw_only=True):
    """FrontActor is told nothing: connections reach the listeners, not the mailbox."""


class Listener(Protocol):
    """What FrontActor needs of deployd.proxy.Proxy."""

    async def listen(self, host: str, port: int) -> int: ...
    async def close(self, drain_seconds: float) -> None: ...


class FrontActor(Actor[FrontMessage]):
    def __init__(
        self, ref: Ref[FrontMessage], server: WebServer, proxy: Listener, public: Address, close_seconds: float
    ) -> None:
        super().__init__(ref)
        self._server = server
        self._proxy = proxy
        self._public = public
        self._close_seconds = close_seconds

    async def on_start(self) -> None:
        await self._server.start()
        try:
            await self._proxy.listen(self._public.host, self._public.port)
        except OSError as error:
            await self._server.stop()
            raise UserMistake(
                f"The public listener cannot open {self._public}: {error.strerror or error}; free it or change `http`."
            ) from error

    async def handle(self, message: FrontMessage) -> object:
        return None

    async def on_stop(self) -> None:
        await self._proxy.close(self._close_seconds)
        await self._server.stop()
