"""A release for some of the visitors: begun, judged all the time, then promoted by a deployment or aborted."""

import asyncio
from contextlib import suppress

import msgspec

from actors.deploy.fleet import Fleet
from actors.deploy.rollout import Rollout
from actors.deploy.tools import DeployTools
from actors.deploy.watch import Spawn
from deployd.domain.app import App
from deployd.domain.canary_verdict import canary_verdict
from deployd.domain.deployment import Deployment, Stage
from deployd.domain.edge import Canary, CanaryRule, check_canary
from deployd.domain.errors import DeploydError, NotFound, StartFailed, StateConflict, UserMistake
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, InstanceId
from deployd.domain.instance import Exit, InstanceState
from deployd.domain.release import Release
from deployd.domain.route import CanaryRoute, Route, TakenBack
from deployd.kernel.errors import ActorError
from deployd.messages.proxy import AskTraffic, DrainTargets, SwitchTraffic

_SWITCH_SECONDS = 20.0
_ASK_SECONDS = 5.0
_LOOK_SECONDS = 1.0


class CanaryRollout(Rollout):
    """Ends with a part of the traffic. Its workers start when it is promoted: two releases would share their work."""

    def _workers(self, app: App, release: Release) -> list[str]:
        return []

    async def _hand_over(self, app: App, release: Release) -> None:
        rule, name = self._deployment.canary, app.name
        assert rule is not None
        async with self._tools.journal.stage(self._deployment.id, Stage.SWITCHING, _SWITCH_SECONDS * 2):
            async with self._fleet.route_lock(name):
                route = await self._tools.stores.routes.get(name)
                if route is None or route.release is None or route.release == release.number:
                    raise StartFailed(f"There is no other live release that v{release.number} could be a canary of.")
                self._started = [await self._fleet.mark_running(instance) for instance in self._started]
                self._before, self._switched = route, True
                canary = CanaryRoute(
                    canary=Canary(release=release.number, percent=rule.percent, header=rule.header, allow=rule.allow),
                    deployment=self._deployment.id,
                    targets=self._targets(),
                    site=self._site(release),
                    folder=str(self._fleet.folder(release)),
                )
                await self._tools.proxy.ask(
                    SwitchTraffic(route=msgspec.structs.replace(route, canary=canary)), _SWITCH_SECONDS
                )
            self.committed = True
        await self._tools.journal.note(
            EventType.CANARY_BEGUN, name, self._deployment.id, {"release": release.number, "percent": rule.percent}
        )


class Canaries:
    """Looks after the canaries that run. What runs is said by the routes' rows, so a restart forgets only figures."""

    def __init__(self, tools: DeployTools, fleet: Fleet, spawn: Spawn) -> None:
        self._tools = tools
        self._fleet = fleet
        self._spawn = spawn
        self._judging: dict[AppName, asyncio.Task[None]] = {}

    # Asked for

    async def check(self, app: App, rule: CanaryRule) -> None:
        """UserMistake unless there is something that it could be a canary of."""
        check_canary(rule)
        await self._live(app)

    async def release_for(self, app: App, number: int | None) -> Release:
        """That one, or the canary that runs, or the newest that is not live."""
        route = await self._live(app)
        if number is None and route.canary is not None:
            number = route.canary.canary.release
        if number is not None:
            if number == route.release:
                raise UserMistake(f"v{number} of {app.name!r} is live already; everybody gets it.")
            return await self._tools.stores.releases.get(app.name, number)
        for release in await self._tools.stores.releases.of_app(app.name):
            if release.number != route.release:
                return release
        raise UserMistake(
            f"App {app.name!r} has no release but the live one; build one with: deployd deploy {app.name} --canary 5%, "
            f"or in the chat: /canary {app.name} 5% BRANCH"
        )

    async def running(self, app: App) -> Release:
        """StateConflict when none is."""
        route = await self._tools.stores.routes.get(app.name)
        if route is None or route.canary is None:
            raise StateConflict(f"App {app.name!r} has no canary; begin one with: deployd canary {app.name} 5%")
        return await self._tools.stores.releases.get(app.name, route.canary.canary.release)

    async def _live(self, app: App) -> Route:
        route = await self._tools.stores.routes.get(app.name)
        if route is None or route.release is None or app.stopped:
            raise UserMistake(
                f"App {app.name!r} has nothing live that a canary could be compared with; deploy it first."
            )
        return route

    # Looked after

    async def resume(self, name: AppName) -> None:
        """After a deployment, and after a start of deployd: goes on with whatever canary there is."""
        route = await self._tools.stores.routes.get(name)
        if route is None or route.canary is None:
            self.rest(name)
        elif not route.canary.targets and route.canary.site is None:
            self._spawn(self._abort_lost(name), f"abort {name}")
        elif name not in self._judging:
            self._judging[name] = self._spawn(self._judge(name), f"judge the canary of {name}")

    def rest(self, name: AppName) -> None:
        """Nothing is decided about it until `resume`."""
        judging = self._judging.pop(name, None)
        if judging is not None:
            judging.cancel()

    async def give_way(self, deployment: Deployment) -> None:
        """To anything but the same release."""
        route = await self._tools.stores.routes.get(deployment.app)
        if route is None or route.canary is None:
            return
        if deployment.canary is None or route.canary.canary.release != deployment.release:
            self.rest(deployment.app)
            await self.abort(deployment.app, f"v{deployment.release} is being deployed.", told=False)

    async def crashed(self, instance_id: InstanceId, exit: Exit) -> bool:
        """False when it was no canary's instance; otherwise it is dealt with."""
        try:
            instance = await self._tools.stores.instances.get(instance_id)
        except NotFound:
            return False
        route = await self._tools.stores.routes.get(instance.app)
        if route is None or route.canary is None or instance.state is not InstanceState.RUNNING:
            return False
        if instance.release != route.canary.canary.release:
            return False
        await self._fleet.retire(instance)
        self.rest(instance.app)
        await self.abort(instance.app, f"{instance.process} {exit}.", told=False, automatic=True)
        return True

    async def abort(self, name: AppName, reason: str, *, told: bool = True, automatic: bool = False) -> None:
        """Returns when nothing of it runs. With `told`, StateConflict when there is no canary any more.

        `automatic`: nobody asked for it, so that people should hear of it.
        """
        async with self._fleet.route_lock(name):
            route = await self._tools.stores.routes.get(name)
            if route is None or route.canary is None:
                if told:
                    raise StateConflict(f"App {name!r} has no canary any more.")
                return
            release = route.canary.canary.release
            why = f"The canary v{release} was aborted: {reason}"
            back = TakenBack(deployment=route.canary.deployment, reason=why)
            await self._tools.proxy.ask(
                SwitchTraffic(route=msgspec.structs.replace(route, canary=None, taken_back=back)), _SWITCH_SECONDS
            )
        await self._tools.journal.revert(route.canary.deployment, why)
        await self._tools.journal.note(
            EventType.CANARY_ABORTED,
            name,
            route.canary.deployment,
            {"release": release, "reason": reason, "automatic": automatic},
        )
        drain = self._tools.config.drain_seconds
        with suppress(DeploydError, ActorError):
            await self._tools.proxy.ask(DrainTargets(app=name, drain_seconds=drain), drain + 5)
        everything = await self._tools.stores.instances.of_app(name)
        await self._fleet.stop_all([instance for instance in everything if instance.release == release])

    async def _abort_lost(self, name: AppName) -> None:
        reason = "Nothing of it runs any more since deployd was restarted."
        await self.abort(name, reason, told=False, automatic=True)

    async def _judge(self, name: AppName) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                traffic = await self._tools.proxy.ask(AskTraffic(app=name), _ASK_SECONDS)
                if traffic.live is None or traffic.canary is None:
                    continue
                verdict = canary_verdict(traffic.live, traffic.canary)
                if verdict is not None:
                    await self.abort(name, f"{verdict}.", told=False, automatic=True)
                    self._judging.pop(name, None)
                    return
            except (DeploydError, ActorError):
                continue  # The proxy is being restarted, or the app is on its way out: then somebody ends this.
