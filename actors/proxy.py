"""ProxyActor: decides what the data plane serves; the requests themselves never pass through here."""

import asyncio
from typing import Protocol, assert_never

import msgspec

from deployd.domain.canary_verdict import Traffic
from deployd.domain.deployment import SwitchReport
from deployd.domain.errors import DeploydError, UserMistake
from deployd.domain.ids import AppName
from deployd.domain.route import HoldReport, Route
from deployd.kernel.actor import Actor
from deployd.kernel.many import by_turns
from deployd.kernel.ref import Ref
from deployd.messages.certificates import CertificateMessage, HostsRouted
from deployd.messages.proxy import (
    AnnounceApp,
    AskTraffic,
    DrainTargets,
    PauseTraffic,
    ProxyMessage,
    RemoveRoute,
    ResumeTraffic,
    SwitchTraffic,
)
from deployd.ports.route_store import RouteStore


class DataPlane(Protocol):
    """What ProxyActor needs of deployd.proxy.Proxy."""

    def announce(self, route: Route) -> None: ...
    def switch(self, route: Route) -> None: ...
    def remove(self, app: AppName) -> None: ...
    def owner_of(self, host: str) -> AppName | None: ...
    async def drain(self, app: AppName, seconds: float) -> SwitchReport: ...
    def pause(self, app: AppName, seconds: float) -> None: ...
    def resume(self, app: AppName) -> HoldReport: ...
    def traffic(self, app: AppName) -> Traffic: ...


class ProxyActor(Actor[ProxyMessage]):
    """Swaps the snapshot first and writes the row before it answers, so that a restart serves what was said."""

    expected = (DeploydError,)

    def __init__(
        self,
        ref: Ref[ProxyMessage],
        plane: DataPlane,
        routes: RouteStore,
        certificates: Ref[CertificateMessage] | None = None,
    ) -> None:
        super().__init__(ref)
        self._certificates = certificates
        self._plane = plane
        self._routes = routes
        self._served: dict[AppName, Route] = {}
        """What the data plane was switched to last…"""
        self._written: set[AppName] = set()
        """… and for which of them the row says the same: to switch to it again would only cost time."""

    async def on_start(self) -> None:
        """Sites and outside upstreams serve at once; our own processes only after DeployActor has adopted them.

        What the data plane serves already (this actor was restarted, not the process) is left alone.
        """
        async for route in by_turns(await self._routes.all()):
            if not any(self._plane.owner_of(host) for host in route.hosts):
                serving = route if route.release is None else _waiting(route)
                self._plane.switch(serving)
                if serving is route:
                    self._served[route.app] = route
                    self._written.add(route.app)

    async def handle(self, message: ProxyMessage) -> object:
        match message:
            case SwitchTraffic(route=route):
                return self._switch(route)
            case AnnounceApp(route=route):
                self._forget(route.app)
                self._plane.announce(route)
            case DrainTargets(app=app, drain_seconds=seconds):
                return self.spawn(self._plane.drain(app, seconds), name=f"drain {app}")
            case RemoveRoute(app=app):
                self._forget(app)
                self._plane.remove(app)
                await self._routes.remove(app)
                self._tell_certificates()
            case PauseTraffic(app=app, seconds=seconds):
                self._plane.pause(app, seconds)
            case ResumeTraffic(app=app):
                return self._plane.resume(app)
            case AskTraffic(app=app):
                return self._plane.traffic(app)
            case _:
                assert_never(message)
        return None

    def _switch(self, route: Route) -> asyncio.Task[None] | None:
        if route.app in self._written and self._served[route.app] == route:
            return None
        self._refuse_clash(route.app, route.hosts)
        self._forget(route.app)
        self._plane.switch(route)
        self._served[route.app] = route
        return self.spawn(self._write(route), name=f"write the route of {route.app}")

    async def _write(self, route: Route) -> None:
        """Beside what else comes: rows that wait together are written together."""
        await self._routes.put(route)
        if self._served.get(route.app) is route:
            self._written.add(route.app)
        self._tell_certificates()

    def _forget(self, app: AppName) -> None:
        self._served.pop(app, None)
        self._written.discard(app)

    def _tell_certificates(self) -> None:
        if self._certificates is not None:
            self._certificates.tell(HostsRouted())

    def _refuse_clash(self, app: AppName, hosts: tuple[str, ...]) -> None:
        for host in hosts:
            owner = self._plane.owner_of(host)
            if owner is not None and owner != app:
                raise UserMistake(f"The host {host!r} is already served by app {owner!r}; give {app!r} another domain.")


def _waiting(route: Route) -> Route:
    """What its door says to visitors holds already, and a site needs nobody; a canary has to be adopted."""
    if route.site is not None:
        return msgspec.structs.replace(route, canary=None)
    return msgspec.structs.replace(route, targets=(), canary=None, closed_because="This app is starting.")
