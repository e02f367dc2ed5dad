"""For a while after a switch the old release is kept ready, to get the traffic back when the new one fails with it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.routes import route_of
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.canary_verdict import Counts, error_jump
from deployd.domain.errors import DeploydError
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.instance import Instance
from deployd.domain.log_line import Level
from deployd.domain.release import Release
from deployd.domain.route import Route, TakenBack
from deployd.kernel.errors import ActorError
from deployd.messages.proxy import AskTraffic, DrainTargets, SwitchTraffic

_SWITCH_SECONDS = 20.0
_ASK_SECONDS = 5.0
_LONGEST_INTERVAL_SECONDS = 1.0
_LOOKS = 10

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
Workers = Callable[[App, Release], list[str]]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`warm` instances ran behind the route `before`, until `deployment` brought `release`."""

    deployment: DeploymentId
    release: int
    before: Route
    warm: tuple[Instance, ...]


class Lookout:
    """Looks for a jump of errors since the switch, and over the last ten looks."""

    def __init__(self, tools: DeployTools, app: AppName, release: int) -> None:
        self._tools = tools
        self._app = app
        self._release = release
        self._seen: deque[Counts] = deque([Counts()], maxlen=_LOOKS)
        self.interval = min(_LONGEST_INTERVAL_SECONDS, tools.config.watch_seconds / _LOOKS)
        self.counts = Counts()

    async def first_jump(self) -> str:
        while True:
            jump = await self.look()
            if jump is not None:
                return jump
            await asyncio.sleep(self.interval)

    async def look(self) -> str | None:
        """What is wrong. A proxy that does not answer now, or serves something else by now, is no sign of it."""
        try:
            traffic = await self._tools.proxy.ask(AskTraffic(app=self._app), _ASK_SECONDS)
        except (DeploydError, ActorError):
            return None
        if traffic.release != self._release:
            return None
        self.counts = traffic.now
        lately = traffic.now.since(self._seen[0])
        self._seen.append(traffic.now)
        return error_jump(traffic.before, traffic.now) or error_jump(traffic.before, lately)


class Watch:
    """One switch's. The rows say what is warm, so that a deployd that starts stops what another one kept."""

    def __init__(self, tools: DeployTools, fleet: Fleet, workers: Workers, kept: Kept) -> None:
        self._tools = tools
        self._fleet = fleet
        self._workers = workers
        self._kept = kept
        self._app = kept.before.app
        self._lookout = Lookout(tools, self._app, kept.release)
        self._over = asyncio.Event()
        self._taken = False
        self._decided = False

    def end(self) -> None:
        """Something newer begins; a swap back that is under way comes first."""
        self._over.set()

    def take(self, release: int) -> tuple[Instance, ...]:
        """What is warm is the caller's from now on; nothing when it is of another release, or its fate is decided."""
        if self._decided or self._taken or self._kept.before.release != release:
            return ()
        self._taken = True
        self._over.set()
        return self._kept.warm

    async def run(self) -> None:
        jump = await self._look_on()
        if self._taken:
            return
        self._decided = True
        if jump is not None and await self._went_back(jump):
            await self._tools.journal.revert(self._kept.deployment, self._reason(jump))
            await self._replace_rest()
        else:
            await self._fleet.stop_all(list(self._kept.warm))
            self._say_how_it_did()

    def _reason(self, jump: str) -> str:
        return f"{jump} by v{self._kept.release}, so traffic went back to v{self._kept.before.release}."

    def _say_how_it_did(self) -> None:
        counts, old = self._lookout.counts, self._kept.before.release
        did = f"{counts.errors:,} of {counts.requests:,} requests since the switch were answered with errors"
        self._say(f"v{old} is no longer kept ready: {did}.")

    async def _look_on(self) -> str | None:
        """What is wrong; None when the time is over or something newer begins."""
        try:
            async with asyncio.timeout(self._tools.config.watch_seconds):
                while not self._over.is_set():
                    jump = await self._lookout.look()
                    if jump is not None:
                        return jump
                    await self._pass_time()
        except TimeoutError:
            return None
        return None

    async def _pass_time(self) -> None:
        try:
            async with asyncio.timeout(self._lookout.interval):
                await self._over.wait()
        except TimeoutError:
            return

    async def _went_back(self, jump: str) -> bool:
        old = self._kept.before.release
        try:
            if await self._swap_back(self._reason(jump)):
                return True
            self._say(f"{jump}, but nothing of v{old} runs any more that could take over.", Level.ERROR)
        except (DeploydError, ActorError) as failure:
            self._say(f"{jump}, but going back to v{old} failed: {failure}", Level.ERROR)
        route = await self._tools.stores.routes.get(self._app)
        return route is not None and route.release == old  # An answer may be lost of what was done.

    async def _swap_back(self, reason: str) -> bool:
        kept = self._kept
        async with self._fleet.route_lock(self._app):
            app = await self._tools.stores.apps.get(self._app)
            now = await self._tools.stores.routes.get(self._app)
            back = [one for one in kept.warm if await self._still_runs(one)]
            if not back or now is None or now.release != kept.release or app.stopped:
                return False
            await self._route_to([await self._fleet.mark_running(one) for one in back], app, reason)
        return True

    async def _still_runs(self, instance: Instance) -> bool:
        return not self._fleet.ended(instance).done() and await self._tools.runtime.owns_port(instance)

    async def _route_to(self, instances: list[Instance], app: App, reason: str) -> None:
        route = msgspec.structs.replace(
            route_of(app, self._tools.base_domain),
            release=self._kept.before.release,
            deployment=self._kept.before.deployment,
            folder=self._kept.before.folder,
            taken_back=TakenBack(deployment=self._kept.deployment, reason=reason),
            targets=tuple(address_of(one) for one in instances),
        )
        await self._tools.proxy.ask(SwitchTraffic(route=route), _SWITCH_SECONDS)

    async def _replace_rest(self) -> None:
        """What runs of the new release ends, and the old one's workers come back."""
        drain = self._tools.config.drain_seconds
        with suppress(DeploydError, ActorError):
            await self._tools.proxy.ask(DrainTargets(app=self._app, drain_seconds=drain), drain + 5)
        app = await self._tools.stores.apps.get(self._app)
        everything = await self._tools.stores.instances.of_app(app.name)
        await self._fleet.stop_all([one for one in everything if one.release == self._kept.release])
        release = await self._tools.stores.releases.get(app.name, self._kept.before.release or 0)
        for process in self._workers(app, release):
            await self._fleet.mark_running(
                await self._fleet.launch(app, release, self._kept.warm[0].deployment, process)
            )

    def _say(self, text: str, level: Level = Level.INFO) -> None:
        self._tools.journal.say(self._app, self._kept.deployment, text, level, self._kept.release)


class Watches:
    """At most one for an app."""

    def __init__(self, tools: DeployTools, fleet: Fleet, workers: Workers, spawn: Spawn) -> None:
        self._tools = tools
        self._fleet = fleet
        self._workers = workers
        self._spawn = spawn
        self._running: dict[AppName, tuple[Watch, asyncio.Task[None]]] = {}

    def begin(self, kept: Kept) -> None:
        app = kept.before.app
        watch = Watch(self._tools, self._fleet, self._workers, kept)
        task = self._spawn(watch.run(), f"watch {app} v{kept.release}")
        self._running[app] = (watch, task)
        task.add_done_callback(lambda done: self._forget(app, done))

    def take(self, app: AppName, release: int) -> tuple[Instance, ...]:
        """The instances of `release` that are kept ready, if they are. The caller stops them, or routes to them."""
        running = self._running.get(app)
        return running[0].take(release) if running is not None else ()

    async def end(self, app: AppName) -> None:
        """Returns when the warm instances are gone, or have the traffic again."""
        running = self._running.get(app)
        if running is not None:
            running[0].end()
            await asyncio.wait({running[1]})

    def _forget(self, app: AppName, done: asyncio.Task[None]) -> None:
        if app in self._running and self._running[app][1] is done:
            del self._running[app]
