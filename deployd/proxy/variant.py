"""Two releases of an app at once: the canary's side of it, and the exchanges that are measured on both."""

from typing import TYPE_CHECKING

from deployd.domain.canary_verdict import ReleaseFigures
from deployd.domain.route import Address, CanaryRoute, Route
from deployd.proxy.canary import Chooser, Figures, Lots
from deployd.proxy.compressing_relay import CompressingRelay
from deployd.proxy.exchange import Exchange
from deployd.proxy.relay import Relay
from deployd.proxy.request_head import RequestHead
from deployd.proxy.response_head import ResponseHead
from deployd.proxy.service import Service
from deployd.proxy.static import SiteExchange
from deployd.proxy.target import Backend, Target

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane
    from deployd.proxy.protocol import ClientConnection


class Variant(Service):
    """Serves its release like any app does, but is counted and drained as a part of `whole`."""

    def __init__(self, whole: Service, plane: "Plane") -> None:
        super().__init__(whole.app, plane)
        self._whole = whole

    def known_targets(self) -> dict[Address, Target]:
        return self._whole.known_targets() | super().known_targets()

    def waited(self, seconds: float) -> None:
        self._whole.waited(seconds)

    def count(self, status: int, backend: Backend | None, failed: bool, cut: bool) -> None:
        self._whole.count(status, backend, failed, cut)

    def unbound(self, backend: Backend) -> None:
        self._whole.unbound(backend)

    def _retire(self, before: tuple[Backend, ...]) -> None:
        """The whole does it."""


class Split:
    """Which side each request of the app goes to; made anew by each switch, the figures are kept."""

    def __init__(self, live: Service, variant: Variant, route: Route, canary: CanaryRoute, plane: "Plane") -> None:
        before = live.canary
        self.subject = f"{live.app} v{canary.canary.release} beside v{route.release}"
        self._live = live
        self._variant = variant
        self._plane = plane
        self._lots = Lots(plane.cookie_key, self.subject)
        self._chooser = Chooser(canary.canary)
        self._figures = (Figures(), Figures())
        if before is not None and before.subject == self.subject:
            self._figures = before._figures

    def backends(self) -> tuple[Backend, ...]:
        return self._variant.backends()

    def targets(self) -> tuple[Target, ...]:
        return self._variant.targets

    def figures(self, live: int | None) -> tuple[ReleaseFigures, ReleaseFigures]:
        return self._figures[0].of(live), self._figures[1].of(self._variant.release)

    def exchange_for(self, client: "ClientConnection", head: RequestHead) -> Exchange:
        """The lot of a new visitor is drawn here, and goes with the answer whichever side gives it."""
        cookie = b""
        variant = self._variant
        able = bool(variant.targets) or variant.site is not None
        picked = able and self._chooser.picks_at_once(head.fields, client.ip)
        if able and not picked and self._chooser.draws:
            lot = self._lots.drawn(head.fields)
            if lot is None:
                lot = self._lots.draw()
                prefix = self._plane.table.prefix_of(head.host, head.target)
                cookie = self._lots.cookie(lot, prefix, secure=client.scheme == b"https")
            picked = self._chooser.picks(lot)
        service, figures = (variant, self._figures[1]) if picked else (self._live, self._figures[0])
        if service.targets:
            return MeasuredRelay(client, head, service, figures, cookie)
        if service.site is not None:
            return MeasuredSite(client, head, service, figures, cookie)
        return Exchange(client, head, service)


class MeasuredRelay(CompressingRelay):
    """Compresses where the app's relays would without a canary."""

    __slots__ = ("_cookie", "_figures")

    def __init__(
        self, client: "ClientConnection", head: RequestHead, service: Service, figures: Figures, cookie: bytes
    ) -> None:
        super().__init__(client, head, service)
        self._figures = figures
        self._cookie = cookie

    def respond(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        self._figures.latencies.note(self.plane.clock.monotonic() - self.started)
        self._extra += self._cookie
        if self.head.codings and self.service is not None and self.service.compresses:
            super().respond(head, body, complete)
        else:
            Relay.respond(self, head, body, complete)

    def end(self) -> None:
        if not self.ended and not self.was_cut:
            self._figures.ended(self.failed or self.status >= 500)
        super().end()


class MeasuredSite(SiteExchange):
    __slots__ = ("_cookie", "_figures")

    def __init__(
        self, client: "ClientConnection", head: RequestHead, service: Service, figures: Figures, cookie: bytes
    ) -> None:
        super().__init__(client, head, service)
        self._figures = figures
        self._cookie = cookie

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        self._figures.latencies.note(self.plane.clock.monotonic() - self.started)
        super().answer(status, head[:-2] + self._cookie + b"\r\n" if self._cookie else head, body)

    def end(self) -> None:
        if not self.ended and not self.was_cut:
            self._figures.ended(self.failed or self.status >= 500)
        super().end()


def split_of(live: Service, route: Route, plane: "Plane") -> Split | None:
    """What `live` is to be switched to together with the route."""
    canary = route.canary
    if canary is None:
        return None
    variant = Variant(live, plane)
    variant.switch(
        Route(
            app=route.app,
            hosts=route.hosts,
            release=canary.canary.release,
            targets=canary.targets,
            site=canary.site,
            edge=route.edge,
            health_path=route.health_path,
            folder=canary.folder,
        )
    )
    return Split(live, variant, route, canary, plane)
