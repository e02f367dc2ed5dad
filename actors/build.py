"""BuildActor: turns queued deployments into releases, a few at a time."""

import asyncio
from collections import deque
from functools import partial
from pathlib import Path
from typing import assert_never

import msgspec

from actors.journal import Journal
from deployd.config import DeployConfig
from deployd.domain.app import App
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.deployment import Deployment, Outcome, Stage
from deployd.domain.env import Environment
from deployd.domain.errors import BuildFailed, DeploydError, StateConflict, unexpected
from deployd.domain.ids import SYSTEM_APP, AppName, DeploymentId
from deployd.domain.log_line import Level, NewLine, Source
from deployd.domain.plan_text import plan_lines
from deployd.domain.release import Release
from deployd.domain.secret import Secret
from deployd.kernel.actor import Actor
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.messages.build import BuildDone, BuildMessage, CancelBuild, StartBuild
from deployd.messages.deploy import BuildEnded, DeployMessage
from deployd.messages.log import AppendLines, LogMessage, RememberSecrets
from deployd.ports.artifact_store import ArtifactStore
from deployd.ports.builder import Builder
from deployd.ports.source_repository import Commit, SourceRepository
from deployd.ports.stores import Stores
from deployd.removal import remove

_INTERRUPTED = "The build was interrupted because deployd was restarted; deploy again."


class BuildTools(msgspec.Struct, frozen=True, kw_only=True):
    """What builds need from the world. `folder` holds one project folder a build, `caches` one folder an app."""

    stores: Stores
    sources: SourceRepository
    builder: Builder
    artifacts: ArtifactStore
    journal: Journal
    folder: Path
    caches: Path
    clock: Clock


class BuildActor(Actor[BuildMessage]):
    """At most `builds_at_once` builds run; the others wait in the order they came."""

    expected = (DeploydError,)

    def __init__(
        self,
        ref: Ref[BuildMessage],
        tools: BuildTools,
        config: DeployConfig,
        deploy: Ref[DeployMessage],
        log: Ref[LogMessage],
    ) -> None:
        super().__init__(ref)
        self._tools = tools
        self._config = config
        self._deploy = deploy
        self._log = log
        self._waiting: deque[DeploymentId] = deque()
        self._running: dict[DeploymentId, asyncio.Task[None]] = {}
        self._untold: set[DeploymentId] = set()

    async def on_start(self) -> None:
        """Builds that nobody runs any more end with a reason; their project folders go."""
        await asyncio.to_thread(remove, self._tools.folder)
        self.spawn(self._look(), name="look at what builds can have", failed=self._not_looked)
        for deployment in await self._tools.stores.deployments.unfinished():
            if deployment.stage in (Stage.FETCHING, Stage.DETECTING, Stage.BUILDING, Stage.PACKING):
                self._deploy.tell(BuildEnded(deployment=deployment.id, error=_INTERRUPTED, outcome=Outcome.INTERRUPTED))

    async def _look(self) -> None:
        """A start does not wait for it."""
        await self._tools.builder.look()
        for warning in self._tools.builder.warnings():
            self._tools.journal.say(SYSTEM_APP, None, warning, Level.WARN)

    def _not_looked(self, error: BaseException) -> None:
        reason = unexpected("looking at what builds can have on this host", error)
        self._tools.journal.say(SYSTEM_APP, None, reason, Level.WARN)

    async def handle(self, message: BuildMessage) -> object:
        match message:
            case StartBuild(deployment=deployment):
                if deployment not in self._running and deployment not in self._waiting:
                    self._waiting.append(deployment)
            case CancelBuild(deployment=deployment):
                self._cancel(deployment)
            case BuildDone(deployment=deployment, app=app):
                self._running.pop(deployment, None)
                if app is not None:
                    failed = partial(self._not_tidied, app)
                    self.spawn(self._tidy(app), name=f"tidy the cache of {app}", failed=failed)
            case _:
                assert_never(message)
        self._fill_slots()
        return None

    def _cancel(self, deployment: DeploymentId) -> None:
        if deployment in self._waiting:
            self._waiting.remove(deployment)
        elif task := self._running.get(deployment):
            task.cancel()

    def _fill_slots(self) -> None:
        while self._waiting and len(self._running) < self._config.builds_at_once:
            deployment = self._waiting.popleft()
            self._untold.add(deployment)
            self._running[deployment] = self.spawn(
                self._run(deployment), name=f"build {deployment}", failed=partial(self._broke, deployment)
            )

    def _broke(self, deployment: DeploymentId, error: BaseException) -> None:
        """A fault of ours that this repository brings to light: no other build shall suffer from it."""
        if deployment in self._untold:
            self._tell(BuildEnded(deployment=deployment, error=unexpected("building", error)))

    def _tell(self, ended: BuildEnded) -> None:
        self._untold.discard(ended.deployment)
        self._deploy.tell(ended)

    async def _run(self, deployment: DeploymentId) -> None:
        project = self._tools.folder / deployment
        row = None
        try:
            row = await self._tools.stores.deployments.get(deployment)
            release = await self._build(row, project)
        except StateConflict:
            self._untold.discard(deployment)  # It was ended while it waited: whoever ended it has told everyone.
        except (DeploydError, OSError) as failure:
            self._tell(BuildEnded(deployment=deployment, error=str(failure)))
        else:
            self._tell(BuildEnded(deployment=deployment, release=release.number))
        finally:
            self.ref.tell(BuildDone(deployment=deployment, app=row.app if row else None))
            if row is not None:
                await self._tools.builder.settle(self._tools.caches / row.app)
            await self._clear(project)

    async def _clear(self, project: Path) -> None:
        try:
            await asyncio.to_thread(remove, project)
        except OSError as error:
            self._tools.journal.say(SYSTEM_APP, None, f"{error}; the next start tries again.", Level.WARN)

    def _not_tidied(self, app: AppName, error: BaseException) -> None:
        self._tools.journal.say(app, None, unexpected("tidying the build cache", error), Level.WARN)

    async def _tidy(self, app: AppName) -> None:
        if trouble := await self._tools.builder.tidy(self._tools.caches / app):
            self._tools.journal.say(app, None, trouble, Level.WARN)

    async def _build(self, row: Deployment, project: Path) -> Release:
        tools, config = self._tools, self._config
        tools.builder.expect()
        app = await tools.stores.apps.get(row.app)
        env = await tools.stores.envs.read(app.name)
        self._log.tell(RememberSecrets(app=app.name, secrets=env.secrets()))
        async with tools.journal.stage(row.id, Stage.FETCHING, config.fetch_seconds):
            commit = await self._fetch(app, row, project, env.git_key())
        async with tools.journal.stage(row.id, Stage.DETECTING, config.fetch_seconds):
            on_line = self._printer(app.name, row.id)
            plan = await tools.builder.plan(project, _wishes(app, env))
            headline, *details = plan_lines(plan)
            on_line(headline)
            for line in details:
                on_line(line, Level.DEBUG)
        async with tools.journal.stage(row.id, Stage.BUILDING, config.build_seconds):
            plan = await self._run_steps(app.name, row.id, project, plan, env)
        async with tools.journal.stage(row.id, Stage.PACKING, config.fetch_seconds):
            artifact = await tools.artifacts.pack(_result(project, plan), _apart(plan), app.name)
            return await self._release(row, artifact, commit, plan, env)

    async def _fetch(self, app: App, row: Deployment, project: Path, key: Secret | None) -> Commit:
        repo, ref = app.repository, row.ref or app.settings.branch
        if repo is None:
            raise BuildFailed(f"App {app.name!r} has no repository any more.")
        commit = await self._tools.sources.fetch(app.name, repo, ref, self._printer(app.name, row.id), key)
        await self._tools.stores.deployments.note_commit(row.id, commit.sha, commit.message)
        self._tools.journal.say(app.name, row.id, f"Commit {commit.sha[:10]}: {commit.message.splitlines()[0]}")
        await asyncio.to_thread(project.mkdir, parents=True)
        await self._tools.sources.checkout(app.name, commit, project)
        return commit

    async def _run_steps(
        self, app: AppName, deployment: DeploymentId, project: Path, plan: BuildPlan, env: Environment
    ) -> BuildPlan:
        cache = self._tools.caches / app
        await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
        return await self._tools.builder.build(project, plan, env.plain(), cache, self._printer(app, deployment))

    async def _release(
        self, row: Deployment, artifact: str, commit: Commit, plan: BuildPlan, env: Environment
    ) -> Release:
        tools = self._tools
        release = await tools.stores.releases.add(
            row.app, artifact, commit.sha, commit.message, plan, env.version, tools.clock.now_ms()
        )
        await tools.stores.deployments.note_release(row.id, release.number)
        return release

    def _printer(self, app: AppName, deployment: DeploymentId) -> "_Printer":
        return _Printer(self._log, self._tools.clock, app, deployment)


def _wishes(app: App, env: Environment) -> BuildWishes:
    return BuildWishes(settings=app.settings.build, commands=app.settings.commands, env_names=frozenset(env.plain()))


def _result(project: Path, plan: BuildPlan) -> Path:
    """What is kept of the project: only the output folder of a static site, else everything."""
    if plan.static_root is None:
        return project
    output = project / plan.static_root
    if not output.is_dir():
        raise BuildFailed(f"The build ended well but left no folder {plan.static_root!r} to serve.")
    return output


def _apart(plan: BuildPlan) -> tuple[str, ...]:
    """The folders of packages, which change less often than the rest; the output of a static site holds none."""
    if plan.dependencies is None or plan.static_root not in (None, "."):
        return ()
    return plan.dependencies.folders


class _Printer:
    """Sends each line of a build to the log."""

    def __init__(self, log: Ref[LogMessage], clock: Clock, app: AppName, deployment: DeploymentId) -> None:
        self._log = log
        self._clock = clock
        self._app = app
        self._deployment = deployment

    def __call__(self, text: str, level: Level = Level.INFO) -> None:
        line = NewLine(
            app=self._app,
            time_ms=self._clock.now_ms(),
            source=Source.BUILD,
            text=text,
            level=level,
            deployment=self._deployment,
        )
        self._log.tell(AppendLines(lines=(line,)))
