"""Hands out loopback ports, each to one instance at a time, and knows who listens on one."""

import itertools
import socket
from collections.abc import Iterable
from contextlib import suppress

from deployd.kernel.clock import Clock
from deployd.runtimes import procfs

_LISTEN = "0A"
_UNUSED_SECONDS = 600.0
_LOOPBACK_OR_ANY = frozenset(
    {
        "0100007F",  # 127.0.0.1, as /proc writes it on a little-endian machine
        "7F000001",
        "00000000",
        "00000000000000000000000000000000",
        "00000000000000000000000001000000",  # ::1
        "00000000000000000000000000000001",
        "0000000000000000FFFF00000100007F",  # ::ffff:127.0.0.1
    }
)


class PortReservations:
    """A port that was handed out but never used is free again after ten minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handed_out: dict[int, float] = {}
        self._in_use: set[int] = set()

    def take(self) -> int:
        now = self._clock.monotonic()
        self._handed_out = {port: time for port, time in self._handed_out.items() if now - time < _UNUSED_SECONDS}
        held: list[socket.socket] = []
        try:
            while True:  # a refused one stays bound meanwhile, so that the kernel names another
                held.append(socket.create_server(("127.0.0.1", 0)))
                port = int(held[-1].getsockname()[1])
                if port not in self._handed_out and port not in self._in_use:
                    self._handed_out[port] = now
                    return port
        finally:
            for one in held:
                one.close()

    def use(self, port: int | None) -> None:
        if port is not None:
            self._handed_out.pop(port, None)
            self._in_use.add(port)

    def release(self, port: int | None) -> None:
        if port is not None:
            self._in_use.discard(port)
            self._handed_out.pop(port, None)


def listens(pids: Iterable[int], port: int) -> bool:
    """Whether one of those processes listens on the port where the proxy would reach it."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return bool(sockets) and any(not sockets.isdisjoint(procfs.open_files(pid).values()) for pid in pids)


def _listening(port: int) -> set[str]:
    found: set[str] = set()
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), open(f"/proc/self/net/{name}", encoding="ascii") as table:
            found.update(_inodes(table, port))
    return found


def _inodes(table: Iterable[str], port: int) -> set[str]:
    """The kernel lists listeners first (proc_net_tcp.rst), so that thousands of connections after them cost nothing."""
    found: set[str] = set()
    for line in itertools.islice(table, 1, None):
        fields = line.split(None, 10)
        if fields[3] != _LISTEN:
            break
        address, _, digits = fields[1].partition(":")
        if int(digits, 16) == port and address in _LOOPBACK_OR_ANY:
            found.add(fields[9])
    return found
