"""From what somebody asked for to the deployment that does it, or the reason why there can be none."""

from typing import assert_never

from actors.deploy.builds import Builds
from actors.deploy.canary import Canaries
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Stage, Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import UserMistake
from deployd.domain.ids import DeploymentId, new_id
from deployd.domain.release import Release
from deployd.messages.deploy import BeginCanary, PromoteCanary, RequestDeployment, RestartApp, RollBack

Order = RequestDeployment | RollBack | RestartApp | BeginCanary | PromoteCanary


class Orders:
    def __init__(self, tools: DeployTools, builds: Builds, canaries: Canaries) -> None:
        self._tools = tools
        self._builds = builds
        self._canaries = canaries

    async def deployment(self, order: Order) -> Deployment:
        """Not written down yet. UserMistake and StateConflict say why there is none."""
        app = await self.deployable(order.app)
        match order:
            case RequestDeployment():
                return await self._of_commit(app, order)
            case RollBack(release=None):
                return self._new(app, Trigger.ROLLBACK, order.by, await self._release_before(app))
            case RollBack(release=number):
                release = await self._tools.stores.releases.get(app.name, number or 0)
                return self._new(app, Trigger.ROLLBACK, order.by, release)
            case RestartApp():
                return self._new(app, Trigger.RESTART, order.by, await self._live_with_newest_env(app))
            case BeginCanary(rule=rule):
                await self._canaries.check(app, rule)
                release = await self._canaries.release_for(app, order.release)
                return self._new(app, Trigger.CANARY, order.by, release, canary=rule)
            case PromoteCanary():
                return self._new(app, Trigger.PROMOTE, order.by, await self._canaries.running(app))
            case _:
                assert_never(order)

    async def deployable(self, name: str) -> App:
        app = await self._tools.stores.apps.get(name)
        if app.settings.upstreams:
            raise UserMistake(f"App {name!r} is an upstream: deployd routes to it but does not build or start it.")
        return app

    async def _of_commit(self, app: App, order: RequestDeployment) -> Deployment:
        self._builds.check()
        if order.ref is not None and (not order.ref.strip() or order.ref.startswith("-")):
            raise UserMistake(f"{order.ref!r} is not a branch, tag or commit.")
        if order.canary is not None:
            await self._canaries.check(app, order.canary)
        return self._new(app, order.trigger, order.by, ref=order.ref, canary=order.canary)

    async def _release_before(self, app: App) -> Release:
        route = await self._tools.stores.routes.get(app.name)
        if route is None or route.release is None:
            raise UserMistake(f"App {app.name!r} has no live release to roll back from.")
        for release in await self._tools.stores.releases.of_app(app.name):
            if release.number < route.release:
                return release
        raise UserMistake(f"App {app.name!r} has no release before v{route.release} to roll back to.")

    async def _live_with_newest_env(self, app: App) -> Release:
        """With a newer env it becomes a release of its own."""
        stores = self._tools.stores
        route = await stores.routes.get(app.name)
        if route is None or route.release is None:
            raise UserMistake(f"App {app.name!r} has no release yet; deploy it first.")
        release = await stores.releases.get(app.name, route.release)
        env = await stores.envs.read(app.name)
        if env.version == release.env_version:
            return release
        return await stores.releases.add(
            app.name,
            release.artifact,
            release.commit,
            release.commit_message,
            release.plan,
            env.version,
            self._tools.clock.now_ms(),
        )

    def _new(
        self,
        app: App,
        trigger: Trigger,
        by: str,
        release: Release | None = None,
        *,
        ref: str | None = None,
        canary: CanaryRule | None = None,
    ) -> Deployment:
        now = self._tools.clock.now_ms()
        return Deployment(
            id=DeploymentId(new_id("dep", now)),
            app=app.name,
            trigger=trigger,
            by=by,
            stage=Stage.QUEUED,
            requested_ms=now,
            ref=ref,
            commit=release.commit if release else None,
            commit_message=release.commit_message if release else None,
            release=release.number if release else None,
            canary=canary,
        )
