"""DeployActor: every change to apps, deployments and running instances passes its mailbox, one after another."""

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar, assert_never

from actors.deploy.adoption import Adoption
from actors.deploy.builds import LOOK_SECONDS, Builds
from actors.deploy.canary import Canaries, CanaryRollout
from actors.deploy.catalogue import Catalogue
from actors.deploy.fleet import Fleet
from actors.deploy.keeper import Keeper
from actors.deploy.orders import Order, Orders
from actors.deploy.pulse import Pulse
from actors.deploy.rollback import Rollback
from actors.deploy.rollout import Rollout, SwappedBack, processes_of
from actors.deploy.tools import DeployTools
from actors.deploy.watch import Watches
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.errors import BrokenRow, DeploydError, ProviderUnavailable, StateConflict, unexpected
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, DeploymentId, InstanceId
from deployd.domain.instance import Exit
from deployd.kernel.actor import Actor
from deployd.kernel.errors import ActorError
from deployd.kernel.many import at_once
from deployd.kernel.ref import Ref
from deployd.messages.deploy import (
    AbortCanary,
    BeginCanary,
    BuildEnded,
    CancelDeployment,
    ChangeEnv,
    DeployMessage,
    InstanceExited,
    LookAfterBuilds,
    PromoteCanary,
    PutApp,
    PutApps,
    RemoveApp,
    RequestDeployment,
    RestartApp,
    RollBack,
    RolloutEnded,
    SetMaintenance,
    StopApp,
)

_T = TypeVar("_T")
Fact: TypeAlias = BuildEnded | RolloutEnded | InstanceExited | LookAfterBuilds
_AGAIN_SECONDS = 2.0
_BUILD_STAGES = (Stage.FETCHING, Stage.DETECTING, Stage.BUILDING, Stage.PACKING)


class DeployActor(Actor[DeployMessage]):
    """One deployment at a time per app; a newer request supersedes those that wait."""

    expected = (DeploydError, ActorError)

    def __init__(self, ref: Ref[DeployMessage], tools: DeployTools) -> None:
        super().__init__(ref)
        self._tools = tools
        self._fleet = Fleet(tools, self._spawn_named, self._tell_exit)
        self._keeper = Keeper(tools, self._fleet)
        self._builds = Builds(tools)
        self._catalogue = Catalogue(tools, self._fleet, self._keeper)
        self._watches = Watches(tools, self._fleet, partial(processes_of, web=False), self._spawn_named)
        self._canaries = Canaries(tools, self._fleet, self._spawn_named)
        self._orders = Orders(tools, self._builds, self._canaries)
        self._rollouts: dict[DeploymentId, tuple[Rollout, asyncio.Task[None]]] = {}

    def _spawn_named(self, work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        return self.spawn(work, name=name)

    def _tell_exit(self, instance: InstanceId, exit: Exit) -> None:
        self.ref.tell(InstanceExited(instance=instance, exit=exit))

    async def on_start(self) -> None:
        adoption = Adoption(self._tools, self._fleet, self._keeper)
        for deployment in await self._tools.stores.deployments.unfinished():
            if deployment.stage not in (Stage.QUEUED, *_BUILD_STAGES):
                with suppress(BrokenRow):
                    await adoption.conclude(deployment)
        apps = await self._tools.stores.apps.all()
        self._catalogue.begin(apps)
        for instance in await adoption.adopt_all(apps):
            self.spawn(self._keeper.restart(instance), name=f"restart {instance.app} {instance.process}")
        for route in await self._tools.stores.routes.all():
            if route.canary is not None:
                await self._canaries.resume(route.app)
        for app in {one.app for one in await self._tools.stores.deployments.unfinished()}:
            with suppress(BrokenRow):
                await self._next(app)
        self.spawn(Pulse(self._tools, self._fleet).watch(), name="watch what serves")
        self.spawn(self._look_after_builds(), name="look after builds")

    async def handle(self, message: DeployMessage) -> object:
        match message:
            case PutApp() | SetMaintenance():
                app = await self._catalogue.change(message)
                return self.spawn(self._route(app), name=f"route {app.name}")
            case PutApps(orders=orders):
                return self.spawn(self._route_all(await self._catalogue.put_all(orders)), name="route many")
            case ChangeEnv():
                return await self._catalogue.change_env(message)
            case RemoveApp(app=name):
                return self.spawn(self._remove(await self._name_of(name)), name=f"remove {name}")
            case StopApp(app=name, by=by):
                return self.spawn(self._stop(await self._tools.stores.apps.get(name), by), name=f"stop {name}")
            case RequestDeployment() | RollBack() | RestartApp() | BeginCanary() | PromoteCanary():
                return await self._deploy(message)
            case AbortCanary():
                return await self._abort_canary(message)
            case CancelDeployment(deployment=deployment):
                return await self._cancel(await self._tools.stores.deployments.get(deployment))
            case BuildEnded() | RolloutEnded() | InstanceExited() | LookAfterBuilds():
                await self._hear(message)
            case _:
                assert_never(message)
        return None

    async def _hear(self, fact: Fact) -> None:
        try:
            await self._take_in(fact)
        except ProviderUnavailable:  # It happened all the same, and nobody else writes it down.
            self.spawn(self._hear_again(fact), name="hear again")

    async def _hear_again(self, fact: Fact) -> None:
        await asyncio.sleep(_AGAIN_SECONDS)
        self.ref.tell(fact)

    async def _take_in(self, fact: Fact) -> None:
        match fact:
            case BuildEnded():
                await self._build_ended(fact)
            case RolloutEnded():
                await self._rollout_ended(fact)
            case InstanceExited(instance=instance, exit=exit):
                self.spawn(self._crashed(instance, exit), name=f"crash {instance}")
            case LookAfterBuilds():
                unfinished = await self._tools.stores.deployments.unfinished()
                await self._builds.end_lost(unfinished)
                for app in {one.app for one in unfinished}:
                    await self._next(app)
            case _:
                assert_never(fact)

    async def _look_after_builds(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.ref.tell(LookAfterBuilds())

    async def _crashed(self, instance: InstanceId, exit: Exit) -> None:
        if await self._canaries.crashed(instance, exit):
            return
        crash = await self._keeper.note_crash(instance, exit)
        if crash is not None:
            crashed, delay = crash
            await asyncio.sleep(delay)
            await self._keeper.restart(crashed)

    # Asked for: a new deployment

    async def _deploy(self, order: Order) -> Deployment:
        deployment = await self._orders.deployment(order)
        await self._tools.journal.begin(deployment)
        for older in await self._unfinished(deployment.app):
            if older.stage is Stage.QUEUED and older.id != deployment.id:
                self._builds.cancel(older.id)
                await self._tools.journal.end(older.id, Outcome.SUPERSEDED, f"Superseded by {deployment.id}.")
        await self._next(deployment.app)
        return deployment

    async def _abort_canary(self, order: AbortCanary) -> asyncio.Task[None]:
        app = await self._orders.deployable(order.app)
        await self._canaries.running(app)
        for one in await self._unfinished(app.name):
            if one.trigger is Trigger.PROMOTE:
                raise StateConflict(f"The canary is being promoted; cancel {one.id} first.")
        self._canaries.rest(app.name)
        return self.spawn(self._canaries.abort(app.name, f"Aborted by {order.by}."), name=f"abort {app.name}")

    async def _unfinished(self, app: AppName) -> list[Deployment]:
        return await self._tools.stores.deployments.unfinished(app)

    async def _next(self, app: AppName) -> None:
        """Starts what waits at the head of the app's queue, unless something of the app is under way."""
        for deployment in await self._unfinished(app):
            if deployment.stage is not Stage.QUEUED or deployment.id in self._rollouts:
                return
            if not deployment.builds:
                self._roll_out(deployment)
                return
            if await self._builds.start(deployment):
                return

    # Under way

    async def _build_ended(self, fact: BuildEnded) -> None:
        deployment = await self._tools.stores.deployments.get(fact.deployment)
        if fact.error is not None:
            await self._tools.journal.end(deployment.id, fact.outcome, fact.error)
        if fact.error is None and not deployment.ended:
            self._roll_out(deployment)
        else:
            await self._next(deployment.app)

    def _roll_out(self, deployment: Deployment) -> None:
        rollout = self._rollout_of(deployment)
        task = self.spawn(
            self._run(rollout, deployment), name=f"rollout {deployment.id}", failed=partial(self._broke, deployment.id)
        )
        self._rollouts[deployment.id] = (rollout, task)

    def _rollout_of(self, deployment: Deployment) -> Rollout:
        if deployment.canary is not None:
            return CanaryRollout(self._tools, self._fleet, deployment)
        if deployment.trigger is Trigger.ROLLBACK:
            return Rollback(self._tools, self._fleet, deployment, self._watches)
        return Rollout(self._tools, self._fleet, deployment)

    async def _run(self, rollout: Rollout, deployment: Deployment) -> None:
        error: str | None = "The rollout was stopped."
        outcome = Outcome.FAILED
        try:
            await self._make_way(deployment)
            await rollout.run()
            error = None
            outcome = Outcome.LIVE if deployment.canary is None else Outcome.CANARY
        except SwappedBack as failure:
            error, outcome = str(failure), Outcome.REVERTED
        except (DeploydError, ActorError, OSError) as failure:
            error = str(failure)
        finally:
            if not isinstance(sys.exception(), Exception):  # Those are told by `_broke`.
                self.ref.tell(RolloutEnded(deployment=deployment.id, error=error, outcome=outcome))

    def _broke(self, deployment: DeploymentId, error: BaseException) -> None:
        """It has taken back what it had begun, as after each failure; the other apps go on undisturbed."""
        reason = unexpected("starting the release", error)
        self.ref.tell(RolloutEnded(deployment=deployment, error=reason, outcome=Outcome.FAILED))

    async def _make_way(self, deployment: Deployment) -> None:
        """Never more than two releases of an app run at once. A rollback takes what it can use of the watch's."""
        if deployment.trigger is not Trigger.ROLLBACK:
            await self._watches.end(deployment.app)
        if deployment.trigger is Trigger.PROMOTE:
            self._canaries.rest(deployment.app)
        else:
            await self._canaries.give_way(deployment)

    async def _rollout_ended(self, fact: RolloutEnded) -> None:
        deployment = await self._tools.stores.deployments.get(fact.deployment)
        first = await self._tools.journal.end(deployment.id, fact.outcome, fact.error)
        rollout = self._rollouts.pop(fact.deployment, None)
        if first and deployment.trigger is Trigger.PROMOTE and fact.outcome is Outcome.LIVE:
            data = {"release": deployment.release}
            await self._tools.journal.note(EventType.CANARY_PROMOTED, deployment.app, deployment.id, data)
        if rollout is not None and rollout[0].kept is not None:
            self._watches.begin(rollout[0].kept)
        await self._canaries.resume(deployment.app)
        app = await self._tools.stores.apps.get(deployment.app)
        self.spawn(self._catalogue.prune_releases(app), name=f"prune {app.name}")
        await self._next(app.name)

    async def _cancel(self, deployment: Deployment) -> Deployment:
        if deployment.ended:
            raise StateConflict(f"Deployment {deployment.id} has ended already: {deployment.outcome}.")
        rollout = self._rollouts.get(deployment.id)
        if rollout is not None and rollout[0].committed:
            raise StateConflict(f"Deployment {deployment.id} has taken all traffic already; roll back instead.")
        await self._tools.journal.end(deployment.id, Outcome.CANCELLED, "Cancelled on request.")
        if rollout is not None:
            rollout[1].cancel()
        else:
            self._builds.cancel(deployment.id)
            await self._next(deployment.app)
        return await self._tools.stores.deployments.get(deployment.id)

    async def _quiet(self, app: AppName) -> None:
        """Ends what is queued or under way for the app and waits until nothing of it runs."""
        for deployment in reversed(await self._unfinished(app)):
            rollout = self._rollouts.get(deployment.id)
            if rollout is None or not rollout[0].committed:
                await self._cancel(deployment)
            if rollout is not None:
                await asyncio.wait({rollout[1]})
                rollout[0].kept = None  # Whatever it kept is stopped with everything else.
        await self._watches.end(app)
        self._canaries.rest(app)

    async def _route(self, app: App) -> App:
        await self._keeper.refresh_route(app)
        return app

    async def _route_all(self, put: list[App | DeploydError]) -> tuple[App | DeploydError, ...]:
        return tuple(await at_once((self._route_or_error(one) for one in put), "route an app"))

    async def _route_or_error(self, put: App | DeploydError) -> App | DeploydError:
        try:
            return put if isinstance(put, DeploydError) else await self._route(put)
        except DeploydError as error:
            return error
        except ActorError as error:
            return ProviderUnavailable(f"Its route could not be changed: {error}")

    async def _stop(self, app: App, by: str) -> None:
        await self._quiet(app.name)
        await self._canaries.abort(app.name, f"The app was stopped by {by}.", told=False)
        await self._catalogue.stop(app, by)

    async def _name_of(self, app: str) -> AppName:
        """Also of one whose row cannot be read: that is the way to be rid of it."""
        with suppress(BrokenRow):
            await self._tools.stores.apps.get(app)
        return AppName(app)

    async def _remove(self, app: AppName) -> None:
        await self._quiet(app)
        await self._catalogue.remove(app)
