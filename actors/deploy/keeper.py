"""Keeps what is live alive: restarts what crashed, and keeps the route true."""

from functools import partial
from random import random

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.gate import Gate
from actors.deploy.insist import insist
from actors.deploy.routes import route_of
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.errors import NotFound, StartFailed
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, InstanceId
from deployd.domain.instance import Exit, Instance, InstanceState
from deployd.domain.log_line import Level
from deployd.domain.release import Release
from deployd.domain.route import CanaryRoute, Route, parse_address
from deployd.kernel.backoff import Backoff
from deployd.messages.proxy import AnnounceApp, SwitchTraffic

_SWITCH_SECONDS = 20.0
_BACKOFF = Backoff(first_seconds=0.5, cap_seconds=60.0, jitter=0.0)
_STABLE_AFTER_MS = 60_000
_STOPPED = "This app is stopped."


class Keeper:
    def __init__(self, tools: DeployTools, fleet: Fleet) -> None:
        self._tools = tools
        self._fleet = fleet
        self._gate = Gate(tools, fleet)

    async def refresh_route(self, app: App) -> None:
        """Makes the proxy serve the app's hosts from the instances that run now, each checked to own its port."""
        async with self._fleet.route_lock(app.name):
            try:
                now = await self._tools.stores.apps.get(app.name)
            except NotFound:
                return
            await self._refresh_route(now)

    async def _refresh_route(self, app: App) -> None:
        route = await self._tools.stores.routes.get(app.name)
        if app.settings.upstreams:
            outside = tuple(parse_address(at) for at in app.settings.upstreams)
            route = Route(app=app.name, hosts=(), targets=self._fleet.well(app.name, outside))
        if route is None:
            closed = _STOPPED if app.stopped else "This app has not been deployed yet."
            announced = msgspec.structs.replace(route_of(app, self._tools.base_domain), closed_because=closed)
            self._tools.proxy.tell(AnnounceApp(route=announced))
            return
        if route.release is not None and route.site is None:
            route = await self._with_live_targets(app, route)
        fresh = route_of(app, self._tools.base_domain)
        route = msgspec.structs.replace(
            route, hosts=fresh.hosts, edge=fresh.edge, maintenance=fresh.maintenance, health_path=fresh.health_path
        )
        if route.canary is not None:
            route = msgspec.structs.replace(route, canary=await self._canary_now(app, route.canary))
        if app.stopped:
            route = msgspec.structs.replace(route, targets=(), site=None, canary=None, closed_because=_STOPPED)
        await self._tools.proxy.ask(SwitchTraffic(route=route), _SWITCH_SECONDS)

    async def _canary_now(self, app: App, canary: CanaryRoute) -> CanaryRoute:
        if canary.site is not None:
            return canary
        serving = await self._fleet.serving(app.name, canary.canary.release)
        targets = tuple([address_of(one) for one in serving if await self._tools.runtime.owns_port(one)])
        return msgspec.structs.replace(canary, targets=targets)

    async def _with_live_targets(self, app: App, route: Route) -> Route:
        assert route.release is not None
        serving = await self._fleet.serving(app.name, route.release)
        targets = tuple([address_of(one) for one in serving if await self._tools.runtime.owns_port(one)])
        why = None if targets else "This app has no running web process; it is being restarted."
        return msgspec.structs.replace(route, targets=self._fleet.well(app.name, targets), closed_because=why)

    async def note_crash(self, instance_id: InstanceId, exit: Exit) -> tuple[Instance, float] | None:
        """Writes the crash down and takes the instance out of the route; it and the seconds until its restart.

        None when nothing is to be restarted: the rollout that started it deals with it, or it is not live any more.
        Insists on every step: from the first one on nobody else knows of the crash.
        """
        try:
            instance = await self._tools.stores.instances.get(instance_id)
        except NotFound:
            return None
        if instance.state is not InstanceState.RUNNING:
            return None
        crashed = msgspec.structs.replace(instance, state=InstanceState.CRASHED)
        await insist(partial(self._tools.stores.instances.put, crashed))
        last_lines = await insist(partial(self._fleet.retire, instance))
        app = await self._tools.stores.apps.get(instance.app)
        await insist(partial(self.refresh_route, app))
        delay = self._backoff(instance)
        await self._report(instance, exit, last_lines, delay)
        return instance, delay

    async def _report(self, instance: Instance, exit: Exit, last_lines: list[str], delay: float) -> None:
        text = f"{instance.process} {exit}; it is restarted in {delay:.1f} s."
        self._tools.journal.say(instance.app, instance.deployment, text, Level.ERROR, instance.release)
        data: dict[str, str | int | bool | None] = {
            "process": instance.process,
            "release": instance.release,
            "exit": str(exit),
            "code": exit.code,
            "signal": exit.signal,
            "oom": exit.oom,
            "restarts": instance.restarts,
            "last_lines": "\n".join(last_lines),
        }
        note = self._tools.journal.note
        await insist(partial(note, EventType.INSTANCE_CRASHED, instance.app, instance.id, data))

    def _backoff(self, instance: Instance) -> float:
        """Doubles from restart to restart; starts over once an instance has lived for a minute."""
        lived_ms = self._tools.clock.now_ms() - instance.created_ms
        restarts = 0 if lived_ms > _STABLE_AFTER_MS else instance.restarts
        return _BACKOFF.delay(restarts + 1, random)

    async def restart(self, crashed: Instance) -> None:
        """Starts a copy of the crashed instance and routes to it once it is healthy; gives way to a newer release."""
        lived_ms = self._tools.clock.now_ms() - crashed.created_ms
        restarts = 1 if lived_ms > _STABLE_AFTER_MS else crashed.restarts + 1
        started = await insist(partial(self._start, crashed, restarts), partial(self._say_why_not, crashed))
        if started is None:
            return
        app, release, instance = started
        await insist(partial(self._fleet.mark_running, instance))
        try:
            await self._gate.pass_all(app, app.settings.health_check_of(release.plan), [instance])
        except StartFailed as failure:
            self._tools.journal.say(app.name, crashed.deployment, str(failure), Level.ERROR, crashed.release)
            if not self._fleet.ended(instance).done():
                await self._tools.runtime.stop(instance)  # Its exit comes back as a crash, with a longer backoff.
            return
        await insist(partial(self.refresh_route, app))

    async def _start(self, crashed: Instance, restarts: int) -> tuple[App, Release, Instance] | None:
        app, route = await self._live(crashed.app)
        if app is None or route is None or route.release != crashed.release or app.stopped:
            return None
        release = await self._tools.stores.releases.get(app.name, crashed.release)
        return app, release, await self._fleet.launch(app, release, crashed.deployment, crashed.process, restarts)

    def _say_why_not(self, crashed: Instance, why: str) -> None:
        self._tools.journal.say(crashed.app, crashed.deployment, why, Level.ERROR, crashed.release)

    async def _live(self, name: AppName) -> tuple[App | None, Route | None]:
        try:
            return await self._tools.stores.apps.get(name), await self._tools.stores.routes.get(name)
        except NotFound:
            return None, None
