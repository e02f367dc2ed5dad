"""What all connections of one proxy share: the snapshot, the limits, the clock, the request numbers."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from deployd.kernel.clock import Clock
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.proxy.access import AccessLog
from deployd.proxy.compressors import Compressors
from deployd.proxy.door.passes import Passes
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.pages import Pages
from deployd.proxy.password_checks import PasswordChecks
from deployd.proxy.peers import Peers
from deployd.proxy.route_table import RouteTable
from deployd.proxy.static_files import FileCache
from deployd.proxy.tls.certificates import Certificates
from deployd.proxy.trusted import Trusted

if TYPE_CHECKING:
    from deployd.proxy.service import Service

_REMEMBER_SECONDS = 60.0
_SWEPT_AT_ONCE = 256


class Swept(Protocol):
    """A connection from a client, in whatever it is doing."""

    def sweep(self, now: float) -> None:
        """Ends what has been silent for too long."""
        ...

    def close_idle(self) -> None:
        """Closes it when no exchange is in progress, and lets the current one be the last."""
        ...

    def abort(self) -> None: ...


class Plane:
    """`now` is the loop's time at the last sweep: good enough for timeouts, and free to read."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        control_hosts: frozenset[bytes],
        control: Callable[[], asyncio.Protocol],
        access: AccessLog,
        limits: ProxyLimits,
        clock: Clock,
        trusted: Trusted,
        cookie_key: bytes,
        pages: Pages,
    ) -> None:
        self.loop = loop
        self.table = RouteTable(control_hosts)
        self.control_hosts = control_hosts
        self.control = control
        self.own: Service | None = None
        """What is asked for a control host."""
        self.access = access
        self.limits = limits
        self.clock = clock
        self.trusted = trusted
        self.cookie_key = cookie_key
        self.pages = pages
        self.tasks = OwnedTasks()
        self.files = FileCache(limits)
        self.compressors = Compressors(limits.compressed_at_once)
        self.passes = Passes()
        self.passwords = PasswordChecks(self.tasks)
        self.certificates = Certificates()
        self.challenges: Mapping[bytes, bytes] | None = None
        """What HTTP-01 is answered with, while an authority is expected."""
        self.accepts_http = False
        self.https_port = 0
        """0 while nothing listens there."""
        self.http2: Callable[[Plane, str], asyncio.Protocol] | None = None
        """Takes over connections that agreed on h2, whose client is named; None while it is not spoken."""
        self.peers = Peers(limits.connections_per_address, trusted)
        self.connections: set[Swept] = set()
        self.unrouted = [0] * 6
        self.ejections = 0
        """How often a target that kept failing was left alone for a while."""
        self.closing = False
        """Each answer's head from now on says that it is its connection's last…"""
        self.impatient = False
        """… and connections that have not been told so are closed between two requests, too."""
        self.now = 0.0
        self.date = b""
        self._empty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._remember_at = 0.0
        self.request_prefix = secrets.token_hex(6).encode()
        self.request_numbers = count(1)
        """A request's id is the prefix, which no other process has, and a number of its own."""

    def leave(self, connection: Swept) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def emptied(self) -> None:
        """Returns when the last connection has left; nothing may be listening any more."""
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    def start_sweeping(self) -> None:
        if self._timer is None:
            self.tasks.on_failure = self._report
            self._sweep()

    def stop_sweeping(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = self.loop.call_later(self.limits.sweep_seconds, self._sweep)
        self.now = now = self.loop.time()
        self.date = b"Date: %b\r\n" % formatdate(self.clock.now_ms() / 1000, usegmt=True).encode()

        own = () if self.own is None else (self.own,)
        for target in {target for service in (*self.table.services(), *own) for target in service.current_targets()}:
            target.close_idle(now - self.limits.pool_idle_seconds)
        if now >= self._remember_at:
            self._remember_at = now + _REMEMBER_SECONDS
            for service in self.table.services():
                service.remember()
        connections = list(self.connections)
        self._sweep_some(connections, self.limits.sweep_seconds * _SWEPT_AT_ONCE / (len(connections) + _SWEPT_AT_ONCE))

    def _sweep_some(self, left: list[Swept], pause_seconds: float) -> None:
        """A slice at a time, spread until the next sweep: 10,000 connections at once would hold up everybody else."""
        for connection in left[-_SWEPT_AT_ONCE:]:
            if connection in self.connections:
                connection.sweep(self.now)
        del left[-_SWEPT_AT_ONCE:]
        if left and self._timer is not None:
            self.loop.call_later(pause_seconds, self._sweep_some, left, pause_seconds)

    def _report(self, task: asyncio.Task[Any], error: BaseException) -> None:
        self.loop.call_exception_handler({"message": f"{task.get_name()} failed", "exception": error, "task": task})
