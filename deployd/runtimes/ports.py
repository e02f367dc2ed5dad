"""Hands out loopback ports, each to one instance at a time, and knows who listens on one."""

import itertools
import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from deployd.domain.errors import StartFailed
from deployd.kernel.clock import Clock
from deployd.runtimes import procfs

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PORTS_BELOW = 8192
_FIRST_UNPRIVILEGED = 1024
_UNUSED_SECONDS = 600.0
_LISTEN = "0A"
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


class _Hold(msgspec.Struct):
    """`claim` is None when another deployd has it; `since` is when the port was handed out, None once it is used."""

    claim: socket.socket | None
    since: float | None


class PortReservations:
    """Ports that nobody else is given between now and the moment at which the app listens there.

    They lie below those that the kernel picks for connections and for port 0 (ip-sysctl.rst, ip_local_port_range), and
    each is claimed by a name in the abstract namespace (unix(7)), which every deployd of this host heeds. A port that
    was handed out but never used is free again after ten minutes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[int, _Hold] = {}

    def take(self) -> int:
        """StartFailed when none is left."""
        now = self._clock.monotonic()
        for port, hold in list(self._held.items()):
            if hold.since is not None and now - hold.since >= _UNUSED_SECONDS:
                self.release(port)
        ports = instance_ports()
        first = random.randrange(len(ports))
        for port in itertools.chain(ports[first:], ports[:first]):
            if port in self._held or (claim := _claim(port)) is None:
                continue
            if _is_free(port):
                self._held[port] = _Hold(claim, now)
                return port
            claim.close()
        raise StartFailed(f"No port between {ports[0]} and {ports[-1]} is free for an instance.")

    def use(self, port: int | None) -> None:
        if port is not None:
            hold = self._held.setdefault(port, _Hold(None, None))
            hold.claim, hold.since = hold.claim or _claim(port), None

    def release(self, port: int | None) -> None:
        hold = None if port is None else self._held.pop(port, None)
        if hold is not None and hold.claim is not None:
            hold.claim.close()

    def close(self) -> None:
        for port in list(self._held):
            self.release(port)


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0deployd-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim


def _is_free(port: int) -> bool:
    """On every address: the app says on which ones it listens."""
    both = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if both else socket.AF_INET) as probe, suppress(OSError):
        if both:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("", port))
        return True
    return False


def instance_ports() -> range:
    """Those that instances of this host get."""
    first, last = map(int, _EPHEMERAL.read_text().split())
    below = range(max(_FIRST_UNPRIVILEGED, first - _PORTS_BELOW), first)
    return below if len(below) >= _FIRST_UNPRIVILEGED else range(first, last + 1)


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
