"""ProxyActor: decides what the data plane serves; the requests themselves never pass through here."""

from typing import Protocol, assert_never

from deployd.domain.deployment import SwitchReport
from deployd.domain.errors import DeploydError, UserMistake
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.kernel.actor import Actor
from deployd.kernel.ref import Ref
from deployd.messages.proxy import DrainTargets, ProxyMessage, RemoveRoute, SwitchTraffic
from deployd.ports.route_store import RouteStore


class DataPlane(Protocol):
    """What ProxyActor needs of deployd.proxy.Proxy."""

    def switch(self, route: Route) -> None: ...
    def remove(self, app: AppName) -> None: ...
    def owner_of(self, host: str) -> AppName | None: ...
    async def drain(self, app: AppName, seconds: float) -> SwitchReport: ...


class ProxyActor(Actor[ProxyMessage]):
    """Swaps the snapshot first and writes the row before it answers, so that a restart serves what was said."""

    expected = (DeploydError,)

    def __init__(self, ref: Ref[ProxyMessage], plane: DataPlane, routes: RouteStore) -> None:
        super().__init__(ref)
        self._plane = plane
        self._routes = routes

    async def on_start(self) -> None:
        """Sites and outside upstreams serve at once; our own processes only after DeployActor has adopted them.

        What the data plane serves already (this actor was restarted, not the process) is left alone.
        """
        for route in await self._routes.all():
            if not any(self._plane.owner_of(host) for host in route.hosts):
                self._plane.switch(route if route.release is None or route.site else _waiting(route))

    async def handle(self, message: ProxyMessage) -> object:
        match message:
            case SwitchTraffic(route=route):
                self._refuse_clash(route.app, route.hosts)
                self._plane.switch(route)
                await self._routes.put(route)
            case DrainTargets(app=app, drain_seconds=seconds):
                return self.spawn(self._plane.drain(app, seconds), name=f"drain {app}")
            case RemoveRoute(app=app):
                self._plane.remove(app)
                await self._routes.remove(app)
            case _:
                assert_never(message)
        return None

    def _refuse_clash(self, app: AppName, hosts: tuple[str, ...]) -> None:
        for host in hosts:
            owner = self._plane.owner_of(host)
            if owner is not None and owner != app:
                raise UserMistake(f"The host {host!r} is already served by app {owner!r}; give {app!r} another domain.")


def _waiting(route: Route) -> Route:
    return Route(app=route.app, hosts=route.hosts, release=route.release, closed_because="The app is being adopted.")
