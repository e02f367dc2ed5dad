"""Opens the web edges: the admin listener, the unix socket, and the control host's protocol for the proxy."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from deployd.domain.route import Address
from deployd.doors import Doors
from web.auth import Edge
from web.connection import Connection, connections
from web.desk import Desk
from web.long_polls import LONG_POLLS
from web.site import make_app
from web.stream import LogStreams
from web.unix_socket import listen

_GRACE_SECONDS = 2.0
"""How long answers under way may take once stopping began; what is left is cut then."""


class WebServer:
    """May be started again once it was stopped.

    `extra` are routes beside the API and the live tail: the pages.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        doors: Doors,
        admin: Address,
        socket_path: Path,
        extra: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self._desk = desk
        self._doors = doors
        self._admin = admin
        self._socket_path = socket_path
        self._extra = extra
        self._streams = _streams(desk)
        self._runners: dict[Edge, web.AppRunner] = {}
        self._listeners: list[asyncio.Server] = []
        self._socket_inode: int | None = None
        self.admin_address = admin
        """Where the admin listener really is, once started with port 0."""

    async def start(self) -> None:
        """UserMistake when the admin address or the data folder is taken; nothing is left open then."""
        self._streams = _streams(self._desk)
        routes = [*self._streams.routes(), *self._extra]
        self._runners = {edge: _runner(make_app(self._desk, edge, routes)) for edge in Edge}
        try:
            for runner in self._runners.values():
                await runner.setup()
            await self._open_admin()
            await self._open_socket()
        except BaseException:
            await self.stop()
            raise

    def control(self) -> asyncio.Protocol:
        """Answers what comes over one connection of the proxy. ConnectionRefusedError while the server is stopped."""
        return self._protocols(Edge.PUBLIC)()

    async def end_streams(self) -> None:
        """Tails and long polls end now, and new ones at once; all other requests are still answered."""
        await self._streams.close()
        for runner in self._runners.values():
            await runner.app[LONG_POLLS].end(runner.app)

    async def stop(self) -> None:
        """Stops listening, lets answers under way end, then cuts what is left."""
        while self._listeners:
            self._listeners.pop().close()
        self._unlink_socket()
        await self._streams.close()
        runners, self._runners = self._runners, {}
        async with asyncio.TaskGroup() as group:
            for runner in runners.values():
                group.create_task(runner.cleanup())

    async def _open_admin(self) -> None:
        door = self._doors.open(self._admin, "server.admin")
        self.admin_address = Address(host=self._admin.host, port=door.getsockname()[1])
        self._listeners.append(await asyncio.get_running_loop().create_server(self._protocols(Edge.ADMIN), sock=door))

    async def _open_socket(self) -> None:
        opened = await asyncio.to_thread(listen, self._socket_path)
        self._socket_inode = self._socket_path.stat().st_ino
        self._listeners.append(await self._serve(opened))

    async def _serve(self, opened: socket.socket) -> asyncio.Server:
        """create_unix_server would look, from Python 3.13 on, for the name that it was bound at, which is gone: another
        file may have that descriptor now (NotADirectoryError)."""
        return await asyncio.get_running_loop().create_server(self._protocols(Edge.UNIX), sock=opened)

    def _protocols(self, edge: Edge) -> Callable[[], Connection]:
        runner = self._runners.get(edge)
        if runner is None or runner.server is None:
            raise ConnectionRefusedError("the web server is stopped")
        return connections(runner.server)

    def _unlink_socket(self) -> None:
        """Only our own: a newer deployd may have put its socket there."""
        try:
            ours = self._socket_path.stat().st_ino == self._socket_inode
        except FileNotFoundError:
            return
        if ours:
            self._socket_path.unlink()


def _streams(desk: Desk) -> LogStreams:
    return LogStreams(desk.log, desk.stores.apps.get, desk.stores.deployments.get)


def _runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(app, handler_cancellation=True, shutdown_timeout=_GRACE_SECONDS)
