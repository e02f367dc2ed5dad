"""After the switch, too: everything that serves is asked again and again whether it is well."""

import asyncio
from collections.abc import Sequence

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.tools import DeployTools
from deployd.domain.app import App, HealthCheck
from deployd.domain.errors import NotFound
from deployd.domain.event import EventType
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level
from deployd.domain.place import front_place
from deployd.domain.route import Address, Route, parse_address
from deployd.domain.vital_sign import MISSES, VitalSign
from deployd.kernel.errors import ActorError
from deployd.messages.proxy import SwitchTraffic

_SHORTEST_SECONDS = 0.1
_LONGEST_SECONDS = 10.0
_AT_ONCE = 8
_SWITCH_SECONDS = 20.0


class Pulse:
    """Takes a target that is not well out of the route while a well one is left, and back once it is well again."""

    def __init__(self, tools: DeployTools, fleet: Fleet) -> None:
        self._tools = tools
        self._fleet = fleet
        self._signs: dict[AppName, dict[Address, VitalSign]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def watch(self) -> None:
        """Each app at its own interval; apps that come or change are noticed within ten seconds."""
        loop = asyncio.get_running_loop()
        due: dict[AppName, float] = {}
        apps: dict[AppName, App] = {}
        look_again = 0.0
        while True:
            now = loop.time()
            if now >= look_again:
                apps, look_again = await self._watched(), now + _LONGEST_SECONDS
                due = {name: due.get(name, now + _interval(app)) for name, app in apps.items()}
            async with asyncio.TaskGroup() as group:
                for name in [name for name, at in due.items() if at <= now]:
                    due[name] = now + _interval(apps[name])
                    group.create_task(self.check(apps[name]), name=f"check {name}")
            wait = min([look_again, *due.values()]) - loop.time()
            await asyncio.sleep(max(wait, _SHORTEST_SECONDS))

    async def _watched(self) -> dict[AppName, App]:
        """The apps to be asked; whatever was found of others holds no longer."""
        everything = await self._tools.stores.apps.all()
        for app in everything:
            if not _is_watched(app) and self._fleet.unwell(app.name):
                await self._take_all_back(app)
        apps = {app.name: app for app in everything if _is_watched(app)}
        self._signs = {name: signs for name, signs in self._signs.items() if name in apps}
        return apps

    async def check(self, app: App) -> None:
        """Asks all targets once. What cannot be switched now (the app goes, the proxy restarts) is so next time."""
        try:
            route = await self._tools.stores.routes.get(app.name)
            if route is None:
                return
            targets = await self._targets(app, route)
            wrong = await self._ask_all(app, await self._check_of(app, route), targets)
            await self._conclude(app, route, targets, wrong)
        except (NotFound, ActorError):
            return

    async def _take_all_back(self, app: App) -> None:
        """It is not to be watched any more."""
        try:
            route = await self._tools.stores.routes.get(app.name)
            targets = await self._targets(app, route) if route is not None else ()
            self._fleet.note_unwell(app.name, frozenset())
            if route is not None and targets:
                await self._switch(app, route, targets)
        except (NotFound, ActorError):
            return

    async def _targets(self, app: App, route: Route) -> tuple[Address, ...]:
        """Those in the route, and those taken out of it here."""
        if app.settings.upstreams:
            return tuple(parse_address(text) for text in app.settings.upstreams)
        if route.release is None or route.site is not None:
            return ()
        known = {*route.targets, *self._fleet.unwell(app.name)}
        serving = [address_of(instance) for instance in await self._fleet.serving(app.name, route.release)]
        return tuple(address for address in serving if address in known)

    async def _check_of(self, app: App, route: Route) -> HealthCheck:
        if route.release is None:
            return app.settings.health_check
        return app.settings.health_check_of((await self._tools.stores.releases.get(app.name, route.release)).plan)

    async def _ask_all(self, app: App, check: HealthCheck, targets: Sequence[Address]) -> dict[Address, str]:
        """What is wrong with those that are not well."""
        host = front_place(app.hosts(self._tools.base_domain)).concrete_host
        wrong: dict[Address, str] = {}

        async def ask(target: Address) -> None:
            async with self._room:
                answer = await self._tools.health.probe(target, host, check)
            if answer is not None:
                wrong[target] = answer

        async with asyncio.TaskGroup() as group:
            for target in targets:
                group.create_task(ask(target), name=f"ask {target}")
        return wrong

    async def _conclude(self, app: App, route: Route, targets: tuple[Address, ...], wrong: dict[Address, str]) -> None:
        before = self._signs.get(app.name, {})
        signs = {target: before.get(target, VitalSign()).after(target not in wrong) for target in targets}
        self._signs[app.name] = signs
        out = frozenset(target for target, sign in signs.items() if sign.out)
        self._fleet.note_unwell(app.name, out)
        for target, sign in signs.items():
            if sign.out != before.get(target, VitalSign()).out:
                await self._report(app, target, wrong.get(target), last=len(out) == len(targets))
        if self._fleet.well(app.name, targets) != route.targets and targets:
            await self._switch(app, route, targets)

    async def _switch(self, app: App, seen: Route, targets: tuple[Address, ...]) -> None:
        """Unless the route was changed since it was read: whoever did so knows better, and we look again."""
        async with self._fleet.route_lock(app.name):
            now = await self._tools.stores.apps.get(app.name)
            if await self._tools.stores.routes.get(app.name) != seen or now.stopped or now.settings != app.settings:
                return
            route = msgspec.structs.replace(seen, targets=self._fleet.well(app.name, targets))
            await self._tools.proxy.ask(SwitchTraffic(route=route), _SWITCH_SECONDS)

    async def _report(self, app: App, target: Address, wrong: str | None, last: bool) -> None:
        journal = self._tools.journal
        if wrong is None:
            journal.say(app.name, None, f"{target} is well again and gets requests as before.")
            await journal.note(EventType.TARGET_TAKEN_BACK, app.name, str(target), {})
            return
        then = "there is no other, so it goes on getting requests" if last else "it gets no requests until it is well"
        text = f"{target} did not answer as it should {MISSES} times in a row ({wrong}): {then}."
        journal.say(app.name, None, text, Level.ERROR)
        await journal.note(EventType.TARGET_TAKEN_OUT, app.name, str(target), {"wrong": wrong, "last": last})


def _is_watched(app: App) -> bool:
    return _interval(app) > 0 and not app.stopped


def _interval(app: App) -> float:
    return app.settings.proxy.health_seconds
