"""The listening socket for https: asyncio's own server does not say from whom a connection is before its handshake."""

import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane

_AT_ONCE = 64
_NO_ROOM_SECONDS = 0.1

Admit = Callable[[socket.socket, str], Coroutine[Any, Any, None]]


class TlsDoor:
    """`admit` makes a connection of a socket, from the client with that address."""

    def __init__(self, plane: "Plane", door: socket.socket, admit: Admit) -> None:
        self._plane = plane
        self._door = door
        self._admit = admit
        door.setblocking(False)
        self._open()

    def close(self) -> None:
        if self._door.fileno() >= 0:
            self._plane.loop.remove_reader(self._door)
            self._door.close()

    def _open(self) -> None:
        if self._door.fileno() >= 0:
            self._plane.loop.add_reader(self._door, self._accept)

    def _accept(self) -> None:
        """Some at a time, so that who is connected already gets a turn."""
        for _ in range(_AT_ONCE):
            try:
                accepted, peer = self._door.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError:  # No descriptor is free.
                self._plane.loop.remove_reader(self._door)
                self._plane.loop.call_later(_NO_ROOM_SECONDS, self._open)
                return
            accepted.setblocking(False)
            with suppress(OSError):  # It may be gone again.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._plane.tasks.spawn(self._admit(accepted, peer[0]), name=f"handshake with {peer[0]}")
