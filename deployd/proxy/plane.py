"""What all connections of one proxy share: the snapshot, the limits, the clock, the request numbers."""

import asyncio
import secrets
from collections.abc import Callable
from email.utils import formatdate
from itertools import count
from typing import Any, Protocol

from deployd.kernel.clock import Clock
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.proxy.access import AccessLog
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.route_table import RouteTable
from deployd.proxy.static_files import FileCache


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
        trusted: frozenset[str],
    ) -> None:
        self.loop = loop
        self.table = RouteTable()
        self.control_hosts = control_hosts
        self.control = control
        self.access = access
        self.limits = limits
        self.clock = clock
        self.trusted = trusted
        self.tasks = OwnedTasks()
        self.files = FileCache(limits)
        self.connections: set[Swept] = set()
        self.unrouted = [0] * 6
        self.closing = False
        self.now = 0.0
        self.date = b""
        self._empty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._prefix = secrets.token_hex(6).encode()
        self._numbers = count(1)

    def next_request_id(self) -> bytes:
        return b"%b-%x" % (self._prefix, next(self._numbers))

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

        for target in {target for service in self.table.services() for target in service.targets}:
            target.close_idle(now - self.limits.pool_idle_seconds)
        for connection in tuple(self.connections):
            connection.sweep(now)

    def _report(self, task: asyncio.Task[Any], error: BaseException) -> None:
        self.loop.call_exception_handler({"message": f"{task.get_name()} failed", "exception": error, "task": task})
