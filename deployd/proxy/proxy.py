"""The data plane as the rest of deployd holds it: listen, switch, drain, count. Requests never leave this package."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterable, Sequence

import msgspec

from deployd.domain.canary_verdict import Traffic
from deployd.domain.deployment import SwitchReport
from deployd.domain.errors import StateConflict, UserMistake
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.place import Place
from deployd.domain.route import HoldReport, Route
from deployd.kernel.clock import Clock, SystemClock
from deployd.proxy.access import AccessLog, AccessRecord
from deployd.proxy.control import control_service
from deployd.proxy.leaving import ask_to_leave
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.pages import Pages
from deployd.proxy.plane import Plane
from deployd.proxy.preamble_door import PreambleDoor
from deployd.proxy.protocol import ClientConnection
from deployd.proxy.route_table import plain_host
from deployd.proxy.service import Service
from deployd.proxy.stats import ProxyStats, by_class
from deployd.proxy.tls.board import Board
from deployd.proxy.tls.certificates import Certificates
from deployd.proxy.tls.context import HTTP_1, HTTP_2
from deployd.proxy.tls.door import TlsDoor
from deployd.proxy.tls.handshakes import Handshakes
from deployd.proxy.trusted import Trusted
from deployd.proxy.upgrade import Tunnel
from deployd.proxy.variant import split_of

_BACKLOG = 1_024
_CANCEL_SECONDS = 1.0


class Proxy:
    """Made inside the running loop. `control` gives the protocol that answers what comes for a control host, one for
    each connection; OSError while there is none.

    `on_access` is called from the loop and must not block; `trusted` are the addresses and networks of proxies in front
    of this one, whose forwarding fields are believed, and with `proxy_protocol` their PROXY headers. `cookie_key` keeps
    visitors with their instances over a restart when it is the same as before; `brand` is named on our own pages.
    """

    def __init__(
        self,
        *,
        control_hosts: frozenset[str],
        control: Callable[[], asyncio.Protocol],
        on_access: Callable[[Sequence[AccessRecord]], None],
        limits: ProxyLimits | None = None,
        clock: Clock | None = None,
        trusted: Iterable[str] = (),
        proxy_protocol: bool = False,
        cookie_key: bytes | None = None,
        http2: bool = False,
        brand: str = "deployd",
    ) -> None:
        limits = limits or ProxyLimits()
        self._plane = Plane(
            loop=asyncio.get_running_loop(),
            control_hosts=frozenset(plain_host(host.encode()) for host in control_hosts),
            control=control,
            access=AccessLog(on_access, limits),
            limits=limits,
            clock=clock or SystemClock(),
            trusted=Trusted(trusted),
            cookie_key=cookie_key or secrets.token_bytes(32),
            pages=Pages(brand),
        )
        self._own = self._plane.own = control_service(self._plane)
        self._proxy_protocol = proxy_protocol
        self._handshakes = Handshakes(self._plane)
        self.board = Board(self._plane)
        """Where proofs for a certificate authority are put up."""
        if http2:
            _speak_http2(self._plane)
        self._services: dict[AppName, Service] = {}
        self._announced: set[AppName] = set()
        self._servers: list[asyncio.Server | PreambleDoor | TlsDoor] = []
        self._failed_before = 0
        self._plane.certificates.on_change = self._tell_doormen

    async def listen(self, host: str, port: int) -> int:
        """The port, which is chosen by the system when 0 is asked for. OSError when it is taken."""
        door = socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
        await self.accept_from(door)
        chosen: int = door.getsockname()[1]
        return chosen

    async def accept_from(self, door: socket.socket) -> None:
        """Like `listen`, at a socket that is open already and is ours to close."""
        plane = self._plane
        if self._proxy_protocol:
            self._servers.append(PreambleDoor(plane, door, self._admit))
        else:
            self._servers.append(await plane.loop.create_server(lambda: ClientConnection(plane), sock=door))
        plane.accepts_http = True
        plane.start_sweeping()

    async def accept_tls_from(self, door: socket.socket) -> None:
        """Like `accept_from`, for https: whatever name `certificates` has one for is served."""
        plane = self._plane
        if self._proxy_protocol:
            self._servers.append(PreambleDoor(plane, door, self._handshakes.admit))
        else:
            self._servers.append(TlsDoor(plane, door, self._handshakes.admit))
        plane.https_port = door.getsockname()[1]
        self._tell_doormen()
        plane.start_sweeping()

    async def _admit(self, accepted: socket.socket, client: str) -> None:
        plane = self._plane
        await plane.loop.connect_accepted_socket(lambda: ClientConnection(plane, peer=client), accepted)

    def _tell_doormen(self) -> None:
        for service in self._services.values():
            service.doorman.look_again()

    @property
    def accepting(self) -> bool:
        return bool(self._servers)

    @property
    def certificates(self) -> Certificates:
        return self._plane.certificates

    def stop_accepting(self) -> None:
        """Connections that are open go on."""
        while self._servers:
            self._servers.pop().close()

    def announce(self, route: Route) -> None:
        """Of an app that nothing was ever switched to: visitors are told why it does not answer, and its door holds.

        Hosts that another app is served at are left to that one.
        """
        free = tuple(host for host in route.hosts if self.owner_of(host) in (None, route.app))
        self.switch(msgspec.structs.replace(route, hosts=free))
        self._announced.add(route.app)

    def switch(self, route: Route) -> None:
        """From the next request on `route` holds; one step, so no request sees half of it. StateConflict on a clash."""
        self._announced.discard(route.app)
        for host in route.hosts:
            owner = self.owner_of(host)
            if Place.parse(host).host.encode() in self._plane.control_hosts:
                raise StateConflict(f"The host {host!r} belongs to deployd itself.")
            if owner is not None and owner != route.app:
                raise StateConflict(f"The host {host!r} is already served by app {owner!r}.")
        service = self._services.get(route.app)
        if service is None:
            service = self._services[route.app] = Service(route.app, self._plane)
        service.switch(route, split_of(service, route, self._plane))
        self._plane.table = self._plane.table.holding(route.hosts, service)

    def remove(self, app: AppName) -> None:
        """Its hosts answer 404 from now on; what is in flight may finish."""
        self._announced.discard(app)
        service = self._services.pop(app, None)
        if service is not None:
            self._plane.table = self._plane.table.holding((), service)
            service.retire()
            self._failed_before += service.failed
            self._plane.unrouted = [a + b for a, b in zip(self._plane.unrouted, service.statuses, strict=True)]

    def owner_of(self, host: str) -> AppName | None:
        """Who is served at exactly this place: `HOST`, `*.DOMAIN`, or either with a path prefix behind it."""
        service = self._plane.table.owner(Place.parse(host))
        return service.app if service is not None else None

    async def drain(self, app: AppName, seconds: float) -> SwitchReport:
        """Returns when no exchange is left on the app's former targets; after `seconds` the rest is cut."""
        service = self._services.get(app)
        return await service.drain(seconds) if service is not None else SwitchReport()

    def traffic(self, app: AppName) -> Traffic:
        """What its releases did lately. StateConflict without a route."""
        return self._service_of(app).traffic()

    def pause(self, app: AppName, seconds: float) -> None:
        """Requests wait instead of reaching the app, until `resume` or for that long. StateConflict without a route."""
        self._service_of(app).doorman.hold(seconds)

    def resume(self, app: AppName) -> HoldReport:
        """What was held goes on now, in the order it came. StateConflict when there was no pause."""
        pause = self._service_of(app).doorman.pause
        if not pause.active:
            raise StateConflict(f"App {app!r} is not paused.")
        report = HoldReport(held=pause.held, longest_seconds=round(pause.longest_seconds, 3))
        pause.end()
        return report

    def paused(self) -> frozenset[AppName]:
        """The apps whose requests wait."""
        return frozenset(app for app, service in self._services.items() if service.doorman.pause.active)

    def door_pass(self) -> str:
        """Takes one request past whatever an app's door would say to it; see deployd.proxy.door.passes."""
        return self._plane.passes.issue()

    def _service_of(self, app: AppName) -> Service:
        service = self._services.get(app)
        if service is None or app in self._announced:
            raise StateConflict(f"App {app!r} has no route yet: deploy it first.")
        return service

    def stats(self) -> ProxyStats:
        requests: dict[AppName | None, dict[str, int]] = {None: by_class(self._plane.unrouted)}
        if own := by_class(self._own.statuses):
            requests[SYSTEM_APP] = own
        for app, service in self._services.items():
            requests[app] = by_class(service.statuses)
        return ProxyStats(
            requests=requests,
            failed=self._failed_before + sum(service.failed for service in self._services.values()),
            ejections=self._plane.ejections,
            connections=len(self._plane.connections),
            in_flight=sum(service.in_flight() for service in (self._own, *self._services.values())),
            held=sum(service.doorman.pause.held for service in self._services.values()),
            dropped_access_records=self._plane.access.dropped,
            cached_bytes=self._plane.files.bytes,
        )

    async def close(self, drain_seconds: float, patient_seconds: float = 0.0) -> None:
        """Accepts nothing more, asks WebSockets to go, lets exchanges finish for that long, then cuts what is left.

        For `patient_seconds` a connection between two requests stays open: its next answer says that it is the last,
        so that no request crosses the closing of its connection.

        Whoever answers for the control hosts ends what would not end by itself before this is called.
        """
        plane = self._plane
        self.stop_accepting()
        plane.closing = True
        for service in self._services.values():
            service.doorman.pause.end()
        if patient_seconds:
            await self._gone(min(patient_seconds, drain_seconds))
        plane.impatient = True
        for connection in tuple(plane.connections):
            connection.close_idle()
        tunnels = [connection for connection in plane.connections if isinstance(connection, Tunnel)]
        if tunnels:
            plane.tasks.spawn(ask_to_leave(tunnels, drain_seconds), name="ask WebSockets to leave")
        if not await self._gone(drain_seconds):
            for connection in tuple(plane.connections):
                connection.abort()
            await self._gone(_CANCEL_SECONDS)
        plane.stop_sweeping()
        plane.compressors.stop()
        for service in (self._own, *self._services.values()):
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


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _speak_http2(plane: Plane) -> None:
    """Loaded only where it is asked for. UserMistake when it is not installed."""
    try:
        from deployd.proxy.http2.connection import Http2Connection
    except ImportError as error:
        raise UserMistake("`server.http2` is on, but h2 is not installed: pip install 'deployd[http2]'.") from error
    plane.http2 = Http2Connection
    plane.certificates.protocols = (HTTP_2, HTTP_1)
