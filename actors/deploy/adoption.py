"""What an earlier deployd left: ends what it did not end, keeps of its processes what is wanted, finds what is missing.

The route's row is the decision: it says which release has the traffic, whose switch that was, and what it took back.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.keeper import Keeper
from actors.deploy.rollout import processes_of
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Outcome, Stage
from deployd.domain.errors import BrokenRow
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, DeploymentId, InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.domain.route import Address, Route
from deployd.kernel.many import at_once, portions

_AT_ONCE = 100
_RESTARTED = "deployd was restarted during this deployment; deploy again."
_DRAINED = "deployd was restarted while old requests drained."
_BEGUN = "deployd was restarted just then."
_UNPROVED = "deployd was restarted in the middle of the switch: the release has the traffic, but was not checked again."


class Adoption:
    def __init__(self, tools: DeployTools, fleet: Fleet, keeper: Keeper) -> None:
        self._tools = tools
        self._fleet = fleet
        self._keeper = keeper

    async def conclude(self, deployment: Deployment) -> None:
        """Ends a rollout that was under way, as what it had come to."""
        route = await self._tools.stores.routes.get(deployment.app)
        outcome, reason = _conclusion(deployment, route)
        if outcome is Outcome.LIVE:
            await self._open(deployment)
        await self._tools.journal.end(deployment.id, outcome, reason)

    async def _open(self, deployment: Deployment) -> None:
        app = await self._tools.stores.apps.get(deployment.app)
        if app.stopped:
            await self._tools.stores.apps.put(msgspec.structs.replace(app, stopped=False))

    async def adopt_all(self, apps: Iterable[App]) -> list[Instance]:
        """Processes of the live release and of a canary go on, all others stop; those that should run, but do not."""
        routes, unreadable = await self._tools.stores.routes.listed()
        route_of = {route.app: route for route in routes}
        instances: defaultdict[AppName, list[Instance]] = defaultdict(list)
        for instance in await self._tools.stores.instances.all():
            instances[instance.app].append(instance)
        missing, adopted = [], []
        for app in apps:
            with suppress(BrokenRow):  # The others go on; what of this one runs is left alone until it is removed.
                if app.name not in unreadable:
                    missing += await self._adopt(app, route_of.get(app.name), instances[app.name])
                    adopted.append(app)
        for some in portions(adopted, _AT_ONCE):
            await at_once((self._route(app) for app in some), "route an app")
        return missing

    async def _route(self, app: App) -> None:
        with suppress(BrokenRow):
            await self._keeper.refresh_route(app)

    async def _adopt(self, app: App, route: Route | None, found: list[Instance]) -> list[Instance]:
        if route is not None:
            await self._take_back(route)
        alive = [instance for instance in found if await self._fleet.adopt(app, instance)]
        kept = [] if route is None or app.stopped else _wanted(route, alive)
        await self._fleet.stop_all([instance for instance in alive if instance not in kept])
        if route is None or route.release is None or app.stopped:
            return []
        running = {instance.process for instance in kept if instance.release == route.release}
        lost = {instance.process: instance for instance in found if instance.release == route.release}
        release = await self._tools.stores.releases.get(app.name, route.release)
        wanted = processes_of(app, release, web=True) + processes_of(app, release, web=False)
        return [lost.get(name) or self._never_started(route, name) for name in wanted if name not in running]

    def _never_started(self, route: Route, process: str) -> Instance:
        return Instance(
            id=InstanceId(""),
            app=route.app,
            release=route.release or 0,
            deployment=route.deployment or DeploymentId(""),
            process=process,
            state=InstanceState.CRASHED,
            created_ms=self._tools.clock.now_ms(),
        )

    async def _take_back(self, route: Route) -> None:
        """The traffic went back, and nobody was told of it any more."""
        back = route.taken_back
        if back is None or not await self._tools.journal.revert(back.deployment, back.reason):
            return
        deployment = await self._tools.stores.deployments.get(back.deployment)
        if deployment.canary is not None:
            data = {"release": deployment.release, "reason": back.reason}
            await self._tools.journal.note(EventType.CANARY_ABORTED, route.app, back.deployment, data)


def _conclusion(deployment: Deployment, route: Route | None) -> tuple[Outcome, str]:
    if route is None:
        return Outcome.INTERRUPTED, _RESTARTED
    if route.taken_back is not None and route.taken_back.deployment == deployment.id:
        return Outcome.REVERTED, route.taken_back.reason
    if route.canary is not None and route.canary.deployment == deployment.id:
        return Outcome.CANARY, _BEGUN
    if route.deployment != deployment.id:
        return Outcome.INTERRUPTED, _RESTARTED
    if deployment.stage is Stage.DRAINING:
        return Outcome.LIVE, _DRAINED
    return Outcome.INTERRUPTED, _UNPROVED


def _wanted(route: Route, alive: Iterable[Instance]) -> list[Instance]:
    """One for each name: a restart that did not get to its end leaves two, and the route says which."""
    running = [instance for instance in alive if instance.state is InstanceState.RUNNING]
    wanted = _one_of_each([one for one in running if one.release == route.release], route.targets, route.deployment)
    if route.canary is not None:
        beside = route.canary
        copies = [one for one in running if one.release == beside.canary.release and one.kind == "web"]
        wanted += _one_of_each(copies, beside.targets, beside.deployment)
    return wanted


def _one_of_each(
    instances: list[Instance], targets: tuple[Address, ...], deployment: DeploymentId | None
) -> list[Instance]:
    def rank(instance: Instance) -> tuple[bool, bool, int]:
        routed = instance.port is not None and address_of(instance) in targets
        return routed, instance.deployment == deployment, instance.created_ms

    best: dict[str, Instance] = {}
    for instance in sorted(instances, key=rank):
        best[instance.process] = instance
    return list(best.values())
