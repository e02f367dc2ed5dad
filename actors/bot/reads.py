"""What the bot looks at, and never writes."""

from collections.abc import Callable, Collection

import msgspec

from actors.bot.canary_card import RunningCanary, canary_of
from actors.bot.deployment_card import deployment_card, deployment_taken_back
from actors.bot.overview import AppLine, AppView, Overview
from actors.bot.post import Post
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Outcome
from deployd.domain.env import EnvLayer
from deployd.domain.errors import DeploydError, NotFound, UserMistake
from deployd.kernel.clock import Clock
from deployd.kernel.errors import ActorError
from deployd.kernel.ref import Ref
from deployd.messages.proxy import AskTraffic, ProxyMessage
from deployd.ports.log_store import LogStore
from deployd.ports.stores import Stores
from deployd.settings.declared import Declared

_SHOWN_DEPLOYMENTS = 5
_ASK_SECONDS = 2.0


class BotReads(msgspec.Struct, frozen=True, kw_only=True):
    """`url_of` makes a link of a host name; `proxy` is asked for figures; `paused` are the apps whose requests wait."""

    stores: Stores
    logs: LogStore
    clock: Clock
    base_domain: str
    url_of: Callable[[str], str]
    proxy: Ref[ProxyMessage]
    declared: Declared
    paused: Callable[[], Collection[str]]

    async def card(self, deployment_id: str) -> Post | None:
        """None once the app, and so the deployment, was removed."""
        try:
            deployment = await self.stores.deployments.get(deployment_id)
            app = await self.stores.apps.get(deployment.app)
            journal = await self.stores.deployments.journal(deployment.id)
        except NotFound:
            return None
        canary = await self._canary(deployment)
        return deployment_card(deployment, journal, self.clock.now_ms(), self._urls(app)[0], canary)

    async def taken_back(self, deployment_id: str) -> Post | None:
        """What to tell of a release that lost the traffic again; None of a canary, which never had it all."""
        try:
            deployment = await self.stores.deployments.get(deployment_id)
        except NotFound:
            return None
        return deployment_taken_back(deployment) if deployment.canary is None else None

    async def overview(self) -> Overview:
        """However many there are, in three questions to the database."""
        apps, broken = await self.stores.apps.listed()
        routes, unroutable = await self.stores.routes.listed()
        latest, paused = await self.stores.deployments.latest(), self.paused()
        route_of = {route.app: route for route in routes}
        return Overview(
            apps=tuple(
                AppLine(app=app, route=route_of.get(app.name), latest=latest.get(app.name), paused=app.name in paused)
                for app in apps
                if app.name not in unroutable
            ),
            broken=broken | unroutable,
        )

    async def view(self, app: App) -> AppView:
        deployments = await self.stores.deployments.of_app(app.name, _SHOWN_DEPLOYMENTS)
        commanded = await self.stores.envs.layer(app.name, EnvLayer.SET)
        return AppView(
            line=AppLine(
                app=app,
                route=await self.stores.routes.get(app.name),
                latest=next(iter(deployments), None),
                paused=app.name in self.paused(),
            ),
            deployments=tuple(deployments),
            instances=tuple(await self.stores.instances.of_app(app.name)),
            urls=self._urls(app),
            owner=self.declared.owner(app.name),
            drift=(*self.declared.drift(app), *self.declared.hidden_env(app.name, commanded)),
        )

    async def rollback_target(self, app: App, release: int | None) -> tuple[int, int]:
        """The release that serves and the one to go back to; None = the one before. UserMistake when there is none."""
        route = await self.stores.routes.get(app.name)
        if route is None or route.release is None:
            raise UserMistake(f"App {app.name!r} has no live release to roll back from.")
        if release is not None:
            return route.release, (await self.stores.releases.get(app.name, release)).number
        earlier = [one.number for one in await self.stores.releases.of_app(app.name) if one.number < route.release]
        if not earlier:
            raise UserMistake(f"App {app.name!r} has no release before v{route.release} to roll back to.")
        return route.release, max(earlier)

    async def _canary(self, deployment: Deployment) -> RunningCanary | None:
        """The one that this deployment began, while it runs."""
        if deployment.outcome is not Outcome.CANARY:
            return None
        running = canary_of(await self.stores.routes.get(deployment.app))
        if running is None or running.deployment != deployment.id:
            return None
        try:
            traffic = await self.proxy.ask(AskTraffic(app=deployment.app), _ASK_SECONDS)
        except (DeploydError, ActorError):  # The card is looked at again soon.
            return running
        return msgspec.structs.replace(running, traffic=traffic)

    def _urls(self, app: App) -> tuple[str, ...]:
        return app.urls(self.base_domain, self.url_of)
