"""From a release to traffic: start, check, switch, drain, and only then stop the old instances."""

import asyncio
import contextlib

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.gate import Gate
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Stage
from deployd.domain.errors import StartFailed
from deployd.domain.ids import InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.domain.release import Release
from deployd.domain.route import Route, StaticSite
from deployd.messages.proxy import DrainTargets, RemoveRoute, SwitchTraffic

_SWITCH_SECONDS = 20.0
_STOP_SECONDS = 30.0


class Rollout:
    """One deployment's second half. `committed` is set when the old instances are being stopped: no way back."""

    def __init__(self, tools: DeployTools, fleet: Fleet, deployment: Deployment) -> None:
        self._tools = tools
        self._fleet = fleet
        self._gate = Gate(tools, fleet)
        self._deployment = deployment
        self._started: list[Instance] = []
        self._before: Route | None = None
        self._switched = False
        self.committed = False

    async def run(self) -> None:
        """Raises StartFailed (and undoes everything) unless the release serves and was probed through the proxy."""
        app = await self._tools.stores.apps.get(self._deployment.app)
        if self._deployment.release is None:
            raise StartFailed("The deployment has no release to start.")
        release = await self._tools.stores.releases.get(app.name, self._deployment.release)
        try:
            await self._start_and_check(app, release)
            await self._switch(app, release)
            await self._drain_old(app)
        except BaseException:
            if not self.committed:
                await asyncio.shield(self._undo(app))
            raise

    async def _start_and_check(self, app: App, release: Release) -> None:
        stage = self._tools.journal.stage
        config = self._tools.config
        async with stage(self._deployment.id, Stage.STARTING, config.start_seconds + config.release_seconds):
            folder = self._fleet.folder(release)
            if not folder.exists():
                await self._tools.artifacts.unpack(release.artifact, folder)
            await self._run_release_command(app, release)
            for process in _processes(app, release, web=True):
                await self._launch(app, release, process)
        check = app.settings.health_check_of(release.plan)
        async with stage(self._deployment.id, Stage.CHECKING, check.gate_seconds + 10):
            await self._gate.pass_all(app, check, self._started)
            workers = [await self._launch(app, release, name) for name in _processes(app, release, web=False)]
            await self._gate.pass_all(app, check, workers)

    async def _launch(self, app: App, release: Release, process: str) -> Instance:
        instance = await self._fleet.launch(app, release, self._deployment.id, process)
        self._started.append(instance)
        return instance

    async def _run_release_command(self, app: App, release: Release) -> None:
        if "release" not in release.plan.processes or not self._deployment.builds:
            return
        journal = self._tools.journal
        instance = Instance(
            id=InstanceId(f"{self._deployment.id}-release"),
            app=app.name,
            release=release.number,
            deployment=self._deployment.id,
            process="release.1",
            state=InstanceState.STARTING,
            created_ms=self._tools.clock.now_ms(),
        )
        order = await self._fleet.launch_order(app, release, instance)

        def say(text: str) -> None:
            journal.say(app.name, self._deployment.id, text, release=release.number)

        end = await self._tools.runtime.run_once(order, say, self._tools.config.release_seconds)
        if end.code != 0:
            raise StartFailed(f"The release command {end}.")

    async def _switch(self, app: App, release: Release) -> None:
        async with self._tools.journal.stage(self._deployment.id, Stage.SWITCHING, _SWITCH_SECONDS * 2):
            async with self._fleet.route_lock(app.name):
                self._before = await self._tools.stores.routes.get(app.name)
                self._started = [await self._fleet.mark_running(instance) for instance in self._started]
                route = self._route(await self._tools.stores.apps.get(app.name), release)
                self._switched = True
                await self._tools.proxy.ask(SwitchTraffic(route=route), _SWITCH_SECONDS)
            if route.targets or route.site:
                check = app.settings.health_check_of(release.plan)
                await self._gate.through_proxy(app, check, self._tools.front())

    def _route(self, app: App, release: Release) -> Route:
        targets = tuple(address_of(instance) for instance in self._started if instance.kind == "web")
        site = None
        if release.plan.static_root is not None:
            site = StaticSite(root=str(self._fleet.folder(release)), spa=release.plan.spa)
        return Route(
            app=app.name,
            hosts=app.hosts(self._tools.base_domain),
            release=release.number,
            targets=targets,
            site=site,
            closed_because=None if targets or site else "This app has no web process.",
        )

    async def _drain_old(self, app: App) -> None:
        drain = self._tools.config.drain_seconds
        async with self._tools.journal.stage(self._deployment.id, Stage.DRAINING, drain + _STOP_SECONDS):
            order = DrainTargets(app=app.name, drain_seconds=drain)
            report = await self._tools.proxy.ask(order, drain + 5)
            await self._tools.stores.deployments.note_switch(self._deployment.id, report)
            self.committed = True
            new = {instance.id for instance in self._started}
            everything = await self._tools.stores.instances.of_app(app.name)
            await self._fleet.stop_all([instance for instance in everything if instance.id not in new])
            if app.stopped:
                await self._tools.stores.apps.put(msgspec.structs.replace(app, stopped=False))

    async def _undo(self, app: App) -> None:
        """The old release serves as before; nothing of the new one runs."""
        if self._switched:
            async with self._fleet.route_lock(app.name):
                back = RemoveRoute(app=app.name) if self._before is None else SwitchTraffic(route=self._before)
                await self._tools.proxy.ask(back, _SWITCH_SECONDS)
        with contextlib.suppress(TimeoutError):
            await self._fleet.stop_all(self._started)


def _processes(app: App, release: Release, *, web: bool) -> list[str]:
    """`web.1`, `web.2`… or everything else that keeps running."""
    return [
        f"{kind}.{number}"
        for kind in release.plan.processes
        if kind != "release" and (kind == "web") == web
        for number in range(1, app.settings.instances(kind) + 1)
    ]
