"""The listening sockets: opened here, or taken over from systemd or from the deployd before this one."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Self

from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.listening import why_not

_BACKLOG = 1024
_FIRST_PASSED = 3
"""The number of the first descriptor that systemd passes (sd_listen_fds(3))."""


class Doors:
    """Owns them for as long as the process lives; whoever listens at one gets a duplicate to close.

    A connection that arrives while nobody accepts waits in the kernel instead of being refused.
    """

    def __init__(self, inherited: Sequence[socket.socket] = (), *, kept: bool = False) -> None:
        """`kept`: somebody else has them open as well, so that connections wait there when this process has gone."""
        self._sockets = list(inherited)
        self.kept = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, address: Address, key: str) -> socket.socket:
        """UserMistake naming the setting `key` when the address is taken or none of ours. Resolves names: brief."""
        try:
            family, where = _resolve(address)
            return (self._known(where) or self._bind(family, where)).dup()
        except OSError as error:
            raise UserMistake(why_not(address, key, error)) from error

    def all(self) -> tuple[socket.socket, ...]:
        return tuple(self._sockets)

    def close(self) -> None:
        while self._sockets:
            self._sockets.pop().close()

    def _known(self, where: tuple[str, int]) -> socket.socket | None:
        return next((one for one in self._sockets if where[1] and one.getsockname()[:2] == where), None)

    def _bind(self, family: socket.AddressFamily, where: tuple[str, int]) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(where)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        self._sockets.append(listener)
        return listener


def are_kept(environ: Mapping[str, str]) -> bool:
    """Whether systemd passed its sockets, to this process or to one before it."""
    return environ.get("LISTEN_FDS", "0") != "0"


def from_systemd(environ: Mapping[str, str]) -> list[socket.socket]:
    """The sockets of a .socket unit that starts this service; none when the variables are meant for another process."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0"))
    found = [socket.socket(fileno=number) for number in range(_FIRST_PASSED, _FIRST_PASSED + count)]
    for one in found:
        one.setblocking(False)
        os.set_inheritable(one.fileno(), False)
    return found


def _resolve(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, where = found[0][0], found[0][4]
    return family, (str(where[0]), int(where[1]))
