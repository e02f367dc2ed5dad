"""Stands before an app: turns requests away, asks for passwords, lets them wait while the app is paused."""

from typing import TYPE_CHECKING

from deployd.domain.place import Place
from deployd.domain.route import Route
from deployd.proxy.chunked import MEBIBYTE
from deployd.proxy.door.basic_auth import Attempt
from deployd.proxy.door.door import Door, door_of
from deployd.proxy.door.verdict import Verdict, come_back
from deployd.proxy.error_pages import ErrorPages
from deployd.proxy.exchange import Exchange
from deployd.proxy.pause import Pause
from deployd.proxy.request_head import RequestHead
from deployd.proxy.route_table import host_name

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane
    from deployd.proxy.protocol import ClientConnection
    from deployd.proxy.service import Service

_BUSY = come_back(429, "Too many passwords are being checked right now.", 1)
_FULL = come_back(503, "The app is paused, and no more requests can wait for it.", 5)


class Doorman:
    """One for an app's life; `service.door` is it as long as there is something to do for it."""

    def __init__(self, service: "Service", plane: "Plane") -> None:
        self._service = service
        self._plane = plane
        self._route: Route | None = None
        self._plain: Door | None = None
        self._secure: Door | None = None
        self._upgraded: frozenset[bytes] | None = None
        self.pause = Pause(plane.loop)

    def serve(self, route: Route) -> None:
        """From the next request on the route's rules hold."""
        service, edge = self._service, route.edge
        self._route = route
        service.body_limit = int(edge.body_limit_mb * MEBIBYTE)
        service.hsts = b"Strict-Transport-Security: max-age=%d\r\n" % edge.hsts_seconds if edge.hsts_seconds else b""
        pages = edge.error_pages if route.folder is not None else {}
        service.error_pages = ErrorPages(route.folder, pages) if route.folder is not None and pages else None
        self.look_again()

    def look_again(self) -> None:
        """A listener for https was opened, there are other certificates, or there is another route."""
        route, plane = self._route, self._plane
        if route is None:
            return
        before = self._plain or self._secure
        https = plane.certificates if plane.https_port else None
        self._plain = door_of(route, https, plane.https_port, before, self._prefix_of)
        self._secure = door_of(route, None, 0, self._plain, self._prefix_of)
        # Without anything else to say, it is only about sending http to https.
        self._upgraded = self._certified(route) if self._plain is not None and self._secure is None else None
        self._stand()

    def _prefix_of(self, host: bytes, target: bytes) -> bytes:
        return self._plane.table.prefix_of(host, target)

    def hold(self, seconds: float) -> None:
        self.pause.begin(seconds)
        self._stand()

    def _stand(self) -> None:
        always = self._secure is not None or (self._plain is not None and self._upgraded is None)
        self._service.door = self if always or self.pause.active else None
        self._service.upgraded = self._upgraded or frozenset()

    def _certified(self, route: Route) -> frozenset[bytes] | None:
        """None when they cannot be told one by one."""
        places = [Place.parse(host) for host in route.hosts]
        if any(place.wildcard for place in places):
            return None
        return frozenset(name for place in places if self._plane.certificates.has(name := host_name(place)))

    def receive(self, client: "ClientConnection", head: RequestHead) -> Exchange | None:
        """What answers in place of the app, or makes the request wait; None when the app gets it right away."""
        plane = self._plane
        if plane.passes and plane.passes.take(head.fields):
            return None
        scheme = client.scheme
        door = self._secure if scheme == b"https" else self._plain
        verdict = door.check(head, client.ip, scheme, plane.loop.time()) if door is not None else None
        if isinstance(verdict, Verdict):
            return TurnedAway(client, head, self._service, verdict)
        if verdict is not None or self.pause.active:
            return Waiting(client, head, self._service, verdict)
        self._stand()
        return None


class TurnedAway(Exchange):
    __slots__ = ("_verdict",)

    def __init__(self, client: "ClientConnection", head: RequestHead, service: "Service", verdict: Verdict) -> None:
        super().__init__(client, head, service)
        self._verdict = verdict

    def start(self) -> None:
        self.turn_away(self._verdict)


class Waiting(Exchange):
    """At the door until the password was checked and the pause is over; then the app's own exchange takes its place."""

    __slots__ = ("_attempt", "held_since")

    def __init__(
        self, client: "ClientConnection", head: RequestHead, service: "Service", attempt: Attempt | None
    ) -> None:
        super().__init__(client, head, service)
        self._attempt = attempt
        self.held_since = 0.0

    def start(self) -> None:
        if self._attempt is None:
            self._wait()
        elif not self.plane.passwords.ask(self._attempt, self._settle):
            self.turn_away(_BUSY)

    def _settle(self, fits: bool) -> None:
        assert self._attempt is not None
        verdict = self._attempt.settle(fits)
        if self.ended:
            return
        if verdict is not None:
            self.turn_away(verdict)
        else:
            self._wait()

    def _wait(self) -> None:
        pause = self._pause
        if not pause.active:
            self.go_on()
            return
        self.held_since = self.plane.loop.time()
        if not pause.hold(self):
            self.turn_away(_FULL)

    @property
    def _pause(self) -> Pause:
        assert self.service is not None
        return self.service.doorman.pause

    @property
    def wants_body(self) -> bool:
        return False

    def go_on(self) -> None:
        if not self.ended:
            self.client.let_in(self)

    def end(self) -> None:
        self._pause.leave(self)
        super().end()
