"""Connections whose TLS handshake is under way: counted from the first moment, and never too many at once."""

import asyncio
import socket
from typing import TYPE_CHECKING

from deployd.proxy.tls.connection import SecureConnection

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane


class Handshake:
    """Stands in the plane's set of connections, and in the count of its address, until a connection has come of it."""

    __slots__ = ("_counted", "_plane", "_task", "client")

    def __init__(self, plane: "Plane", client: str, task: "asyncio.Task[object]") -> None:
        self.client = client
        self._plane = plane
        self._task = task
        self._counted = True

    def uncount(self) -> None:
        """Once: the connection counts from now on, or there is none."""
        if self._counted:
            self._counted = False
            self._plane.peers.leave(self.client)

    def sweep(self, now: float) -> None:
        """It has a deadline of its own."""

    def close_idle(self) -> None:
        """Its first request is to be answered yet, and is its last then."""

    def abort(self) -> None:
        self._task.cancel()


class Handshakes:
    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._under_way: dict[Handshake, None] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def admit(self, accepted: socket.socket, client: str) -> None:
        """Returns when the handshake is over. Whose address has too many connections is not spoken to: that costs.

        When there is no room the oldest gives way: an honest handshake is over long before.
        """
        plane, task = self._plane, asyncio.current_task()
        if task is None or not plane.peers.enter(client):
            accepted.close()
            return
        if len(self._under_way) >= plane.limits.handshakes_at_once:
            next(iter(self._under_way)).abort()
        handshake = Handshake(plane, client, task)
        self._under_way[handshake] = None
        plane.connections.add(handshake)
        try:
            await self._shake(accepted, handshake)
        except OSError:
            accepted.close()  # It failed, took too long, or the peer has left.
        except BaseException:
            accepted.close()
            raise
        finally:
            self._under_way.pop(handshake, None)
            handshake.uncount()
            plane.leave(handshake)

    async def _shake(self, accepted: socket.socket, handshake: Handshake) -> None:
        plane, limits = self._plane, self._plane.limits
        await plane.loop.connect_accepted_socket(
            lambda: SecureConnection(plane, handshake.client, handshake),
            accepted,
            ssl=plane.certificates.listening(plane.loop.time(), limits.ticket_key_seconds),
            ssl_handshake_timeout=limits.handshake_seconds,
            ssl_shutdown_timeout=limits.tls_goodbye_seconds,
        )
