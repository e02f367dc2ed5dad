"""From a release to traffic: start, check, switch, drain, and only then stop the old instances, or keep them warm."""

import asyncio
import contextlib

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.gate import Gate
from actors.deploy.routes import route_of
from actors.deploy.tools import DeployTools
from actors.deploy.watch import Kept, Lookout
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Stage, SwitchReport
from deployd.domain.errors import DeploydError, StartFailed
from deployd.domain.ids import InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.domain.release import Release
from deployd.domain.route import Address, Route, StaticSite, TakenBack
from deployd.kernel.errors import ActorError
from deployd.kernel.first_failure import first_failure
from deployd.messages.proxy import DrainTargets, RemoveRoute, SwitchTraffic

_SWITCH_SECONDS = 20.0
_STOP_SECONDS = 30.0
_UNDO_DRAIN_SECONDS = 5.0


class SwappedBack(StartFailed):
    """The new release had the traffic already, and failed with it."""


class Rollout:
    """One deployment's second half. `committed` is set when the old instances are being stopped: no way back.

    `kept` are those that are not, until the new release has proved itself.
    """

    def __init__(self, tools: DeployTools, fleet: Fleet, deployment: Deployment) -> None:
        self._tools = tools
        self._fleet = fleet
        self._gate = Gate(tools, fleet)
        self._deployment = deployment
        self._started: list[Instance] = []
        self._reused: list[Instance] = []
        self._before: Route | None = None
        self._switched = False
        self._taken_back: TakenBack | None = None
        self.committed = False
        self.kept: Kept | None = None

    async def run(self) -> None:
        """Raises StartFailed (and undoes everything) unless the release serves and was probed through the proxy."""
        app = await self._tools.stores.apps.get(self._deployment.app)
        if self._deployment.release is None:
            raise StartFailed("The deployment has no release to start.")
        release = await self._tools.stores.releases.get(app.name, self._deployment.release)
        try:
            await self._start_and_check(app, release)
            await self._hand_over(app, release)
        except BaseException:
            if not self.committed:
                await asyncio.shield(self._undo(app))
            raise

    async def _hand_over(self, app: App, release: Release) -> None:
        await self._switch(app, release)
        await self._drain_old(app, release)

    async def _start_and_check(self, app: App, release: Release) -> None:
        stage = self._tools.journal.stage
        config = self._tools.config
        async with stage(self._deployment.id, Stage.STARTING, config.start_seconds + config.release_seconds):
            folder = self._fleet.folder(release)
            if not folder.exists():
                await self._tools.artifacts.unpack(release.artifact, folder)
            await self._run_release_command(app, release)
            self._reused = await self._running_as_canary(app, release)
            running = {instance.process for instance in (*self._reused, *self._started)}
            for process in processes_of(app, release, web=True):
                if process not in running:
                    await self._launch(app, release, process)
        check = app.settings.health_check_of(release.plan)
        async with stage(self._deployment.id, Stage.CHECKING, check.gate_seconds + 10):
            await self._gate.pass_all(app, check, [*self._reused, *self._started])
            workers = [await self._launch(app, release, name) for name in self._workers(app, release)]
            await self._gate.pass_all(app, check, workers)

    async def _running_as_canary(self, app: App, release: Release) -> list[Instance]:
        route = await self._tools.stores.routes.get(app.name)
        if route is None or route.canary is None or route.canary.canary.release != release.number:
            return []
        return await self._fleet.serving(app.name, release.number)

    def _workers(self, app: App, release: Release) -> list[str]:
        return processes_of(app, release, web=False)

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
        targets, site = self._targets(), self._site(release)
        return msgspec.structs.replace(
            route_of(app, self._tools.base_domain),
            release=release.number,
            deployment=self._deployment.id,
            folder=str(self._fleet.folder(release)),
            targets=targets,
            site=site,
            closed_because=None if targets or site else "This app has no web process.",
        )

    def _targets(self) -> tuple[Address, ...]:
        return tuple(address_of(one) for one in (*self._reused, *self._started) if one.kind == "web")

    def _site(self, release: Release) -> StaticSite | None:
        if release.plan.static_root is None:
            return None
        return StaticSite(root=str(self._fleet.folder(release)), spa=release.plan.spa)

    async def _drain_old(self, app: App, release: Release) -> None:
        drain = self._tools.config.drain_seconds
        async with self._tools.journal.stage(self._deployment.id, Stage.DRAINING, drain + _STOP_SECONDS):
            await self._start_late(app, release)
            report = await self._drain_watchfully(app, release, drain)
            await self._tools.stores.deployments.note_switch(self._deployment.id, report)
            self._tools.journal.say(app.name, self._deployment.id, str(report), release=release.number)
            self.committed = True
            new = {instance.id for instance in (*self._reused, *self._started)}
            everything = await self._tools.stores.instances.of_app(app.name)
            old = [instance for instance in everything if instance.id not in new]
            self.kept = await self._keep_warm(release, old)
            warm = {instance.id for instance in self.kept.warm} if self.kept is not None else set()
            await self._fleet.stop_all([instance for instance in old if instance.id not in warm])
            now = await self._tools.stores.apps.get(app.name)
            if now.stopped:
                await self._tools.stores.apps.put(msgspec.structs.replace(now, stopped=False))

    async def _start_late(self, app: App, release: Release) -> None:
        """What is left to start once the visitors have the release."""

    def _has_way_back(self, release: Release) -> bool:
        """A static release cannot fail the way a process does, and the same release again is no way back."""
        before = self._before
        if before is None or before.release in (None, release.number) or not before.targets:
            return False
        return self._tools.config.watch_seconds > 0 and release.plan.static_root is None

    async def _drain_watchfully(self, app: App, release: Release, seconds: float) -> SwitchReport:
        """The new release has all traffic meanwhile: SwappedBack when it cannot cope."""
        order = DrainTargets(app=app.name, drain_seconds=seconds)
        if not self._has_way_back(release):
            return await self._tools.proxy.ask(order, seconds + 5)
        with first_failure(DeploydError, ActorError):
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._refuse_errors(app, release), name=f"watch {app.name}")
                report = await self._tools.proxy.ask(order, seconds + 5)
                watching.cancel()
        return report

    async def _refuse_errors(self, app: App, release: Release) -> None:
        lookout = Lookout(self._tools, app.name, release.number)
        jump = await lookout.first_jump()
        reason = f"{jump} by v{release.number}, so traffic went back to the release before it."
        self._taken_back = TakenBack(deployment=self._deployment.id, reason=reason)
        raise SwappedBack(reason)

    async def _keep_warm(self, release: Release, old: list[Instance]) -> Kept | None:
        """Their workers are not: two releases would take each other's work."""
        before = self._before
        if before is None or not self._has_way_back(release):
            return None
        warm = [
            await self._fleet.mark_warm(instance)
            for instance in old
            if (instance.release, instance.state, instance.kind) == (before.release, InstanceState.RUNNING, "web")
        ]
        if not warm:
            return None
        return Kept(deployment=self._deployment.id, release=release.number, before=before, warm=tuple(warm))

    async def _undo(self, app: App) -> None:
        """The old release serves as before; nothing that was started for the new one runs."""
        if self._switched:
            async with self._fleet.route_lock(app.name):
                await self._tools.proxy.ask(await self._way_back(app), _SWITCH_SECONDS)
            drain = min(self._tools.config.drain_seconds, _UNDO_DRAIN_SECONDS)
            with contextlib.suppress(DeploydError, ActorError):
                await self._tools.proxy.ask(DrainTargets(app=app.name, drain_seconds=drain), drain + 5)
        with contextlib.suppress(TimeoutError):
            await self._fleet.stop_all(self._started)

    async def _way_back(self, app: App) -> RemoveRoute | SwitchTraffic:
        if self._before is None:
            return RemoveRoute(app=app.name)
        maintenance = (await self._tools.stores.apps.get(app.name)).maintenance
        before = msgspec.structs.replace(self._before, maintenance=maintenance, taken_back=self._taken_back)
        return SwitchTraffic(route=before)


def processes_of(app: App, release: Release, *, web: bool) -> list[str]:
    """`web.1`, `web.2`… or everything else that keeps running."""
    return [
        f"{kind}.{number}"
        for kind in release.plan.processes
        if kind != "release" and (kind == "web") == web
        for number in range(1, app.settings.instances(kind) + 1)
    ]
