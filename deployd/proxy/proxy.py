"""The data plane as the rest of deployd holds it: listen, switch, drain, count. Requests never leave this package."""

import asyncio
from collections.abc import Callable, Sequence

from deployd.domain.deployment import SwitchReport
from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.kernel.clock import Clock, SystemClock
from deployd.proxy.access import AccessLog, AccessRecord
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.plane import Plane
from deployd.proxy.protocol import ClientConnection
from deployd.proxy.route_table import plain_host
from deployd.proxy.service import Service
from deployd.proxy.stats import ProxyStats, by_class

_BACKLOG = 1_024
_CANCEL_SECONDS = 1.0


class Proxy:
    """Made inside the running loop. `control` gives the protocol that takes over connections to a control host.

    `on_access` is called from the loop and must not block; `trusted` are the addresses of proxies in front of this one,
    whose forwarding fields are believed.
    """

    def __init__(
        self,
        *,
        control_hosts: frozenset[str],
        control: Callable[[], asyncio.Protocol],
        on_access: Callable[[Sequence[AccessRecord]], None],
        limits: ProxyLimits | None = None,
        clock: Clock | None = None,
        trusted: frozenset[str] = frozenset(),
    ) -> None:
        limits = limits or ProxyLimits()
        self._plane = Plane(
            loop=asyncio.get_running_loop(),
            control_hosts=frozenset(plain_host(host.encode()) for host in control_hosts),
            control=control,
            access=AccessLog(on_access, limits),
            limits=limits,
            clock=clock or SystemClock(),
            trusted=trusted,
        )
        self._services: dict[AppName, Service] = {}
        self._servers: list[asyncio.Server] = []
        self._failed_before = 0

    async def listen(self, host: str, port: int) -> int:
        """The port, which is chosen by the system when 0 is asked for. OSError when it is taken."""
        plane = self._plane
        server = await plane.loop.create_server(lambda: ClientConnection(plane), host, port, backlog=_BACKLOG)
        self._servers.append(server)
        plane.start_sweeping()
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    def switch(self, route: Route) -> None:
        """From the next request on `route` holds; one step, so no request sees half of it. StateConflict on a clash."""
        for host in route.hosts:
            owner = self.owner_of(host)
            if plain_host(host.encode()) in self._plane.control_hosts:
                raise StateConflict(f"The host {host!r} belongs to deployd itself.")
            if owner is not None and owner != route.app:
                raise StateConflict(f"The host {host!r} is already served by app {owner!r}.")
        service = self._services.setdefault(route.app, Service(route.app))
        service.switch(route)
        self._plane.table = self._plane.table.holding(route.hosts, service)

    def remove(self, app: AppName) -> None:
        """Its hosts answer 404 from now on; what is in flight may finish."""
        service = self._services.pop(app, None)
        if service is not None:
            self._plane.table = self._plane.table.holding((), service)
            service.retire()
            self._failed_before += service.failed
            self._plane.unrouted = [a + b for a, b in zip(self._plane.unrouted, service.statuses, strict=True)]

    def owner_of(self, host: str) -> AppName | None:
        service = self._plane.table.find(host.encode("latin-1", "replace"))
        return service.app if service is not None else None

    async def drain(self, app: AppName, seconds: float) -> SwitchReport:
        """Returns when no exchange is left on the app's former targets; after `seconds` the rest is cut."""
        service = self._services.get(app)
        return await service.drain(seconds) if service is not None else SwitchReport()

    def stats(self) -> ProxyStats:
        requests: dict[AppName | None, dict[str, int]] = {None: by_class(self._plane.unrouted)}
        for app, service in self._services.items():
            requests[app] = by_class(service.statuses)
        return ProxyStats(
            requests=requests,
            failed=self._failed_before + sum(service.failed for service in self._services.values()),
            connections=len(self._plane.connections),
            in_flight=sum(service.in_flight() for service in self._services.values()),
            dropped_access_records=self._plane.access.dropped,
            cached_bytes=self._plane.files.bytes,
        )

    async def close(self, drain_seconds: float) -> None:
        """Accepts nothing more, lets exchanges finish for that long, then cuts what is left.

        Connections that were handed to `control` are its owner's to close.
        """
        plane = self._plane
        for server in self._servers:
            server.close()
        plane.closing = True
        for connection in tuple(plane.connections):
            connection.close_idle()
        if not await self._gone(drain_seconds):
            for connection in tuple(plane.connections):
                connection.abort()
            await self._gone(_CANCEL_SECONDS)
        plane.stop_sweeping()
        for service in self._services.values():
            service.retire()
        await plane.tasks.cancel(_CANCEL_SECONDS)
        plane.access.flush()

    async def _gone(self, seconds: float) -> bool:
        """Whether every connection ended by itself within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._plane.emptied()
        except TimeoutError:
            return False
        return True
