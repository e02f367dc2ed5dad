"""A listening socket whose trusted peers say with a PROXY header who their connections are from.

The header is taken from the socket before there is a transport: behind it, TLS must find its handshake untouched.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from deployd.proxy.proxy_protocol import LONGEST, Malformed, looks_like_preamble, read_preamble

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane

_MOST_WAITING = 1_024
_NO_ROOM_SECONDS = 0.1
_LOOPBACK = ("127.", "::1")

Admit = Callable[[socket.socket, str], Coroutine[Any, Any, object]]


class PreambleDoor:
    """`admit` makes a connection of a socket, from the client with that address.

    A trusted peer has to send the header, within `header_seconds`; only one on this host may leave it out, since
    deployd's own checks come from there. From all others it is not accepted.
    """

    def __init__(self, plane: "Plane", door: socket.socket, admit: Admit) -> None:
        self._plane = plane
        self._door = door
        self._admit = admit
        self._waiting = 0
        door.setblocking(False)
        self._accepting = plane.tasks.spawn(self._accept(), name="accept connections with a PROXY header")

    def getsockname(self) -> Any:
        return self._door.getsockname()

    def close(self) -> None:
        self._accepting.cancel()
        self._door.close()

    async def _accept(self) -> None:
        loop = self._plane.loop
        while True:
            try:
                accepted, peer = await loop.sock_accept(self._door)
            except OSError:
                await asyncio.sleep(_NO_ROOM_SECONDS)  # no descriptor is free, or the peer has gone already
                continue
            if self._waiting >= _MOST_WAITING:
                accepted.close()
            else:
                self._waiting += 1
                self._plane.tasks.spawn(self._receive(accepted, peer[0]), name=f"receive {peer[0]}")

    async def _receive(self, accepted: socket.socket, peer: str) -> None:
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(self._plane.limits.header_seconds):
                client = await self._client_of(accepted, peer)
        except (Malformed, OSError):  # TimeoutError is one of the latter
            accepted.close()
            return
        except BaseException:
            accepted.close()
            raise
        finally:
            self._waiting -= 1
        try:
            await self._admit(accepted, client)
        except OSError:
            accepted.close()  # The handshake failed, or the peer has left.

    async def _client_of(self, accepted: socket.socket, peer: str) -> str:
        """Takes the header, and nothing behind it, out of the socket."""
        if peer not in self._plane.trusted:
            return peer
        data = b""
        while True:
            data = await self._peek(accepted, len(data))
            if peer.startswith(_LOOPBACK) and not looks_like_preamble(data):
                return peer
            preamble = read_preamble(data)
            if preamble is not None:
                accepted.recv(preamble.length)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
                return preamble.ip or peer

    async def _peek(self, accepted: socket.socket, known: int) -> bytes:
        """What has arrived, once it is more than `known` bytes; Malformed when nothing more comes."""
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, known + 1)
        loop = self._plane.loop
        readable = asyncio.Event()
        loop.add_reader(accepted, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(accepted)
        data = accepted.recv(LONGEST, socket.MSG_PEEK)
        if len(data) <= known:
            raise Malformed("The connection ended before its PROXY header did.")
        return data
