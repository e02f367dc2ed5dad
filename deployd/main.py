"""Puts the process together: the only module that names concrete adapters, stores and runtimes."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import uvloop

from actors.bot import BotActor, BotReads
from actors.build import BuildActor, BuildTools
from actors.config import ConfigActor
from actors.deploy import DeployActor, DeployTools
from actors.journal import Journal
from actors.logs import LogActor
from actors.proxy import ProxyActor
from deployd.adapters import telegram
from deployd.adapters.git.repositories import GitRepositories
from deployd.adapters.http_probe.probe import AiohttpProbe
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.adapters.toml_file import TomlFile
from deployd.builders.builder import SandboxedBuilder
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.host_only import HostTools
from deployd.builders.workshop import Workshop
from deployd.config import Config, environment, load
from deployd.domain.deployment import Outcome
from deployd.domain.errors import DeploydError, UserMistake
from deployd.domain.ids import SYSTEM_APP
from deployd.domain.log_line import Level, NewLine, Source
from deployd.domain.route import Address
from deployd.kernel.child import ChildStatus, State
from deployd.kernel.clock import SystemClock
from deployd.kernel.errors import Escalated
from deployd.kernel.failure import ActorFailure
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import Supervisor
from deployd.kernel.watchdog import LoopWatchdog
from deployd.lock import only_one
from deployd.logs.redaction import Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.bot import BotMessage
from deployd.messages.log import AppendLines
from deployd.notify import Notifier
from deployd.proxy.access import AccessRecord
from deployd.proxy.proxy import Proxy
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime
from deployd.stores.master_key import MasterKey
from deployd.stores.stores import Stores, open_database, open_stores
from deployd.tree import Makers, Refs, children
from web.desk import Desk
from web.front import FrontActor
from web.server import WebServer
from web.ui_files import page_routes
from web.vitals import Vitals

_WATCHDOG_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_AS_ROOT = "deployd runs as root, and so do the apps: give it a user of its own (packaging/deployd.service)."
_log = logging.getLogger("deployd")


def serve(config_path: Path) -> None:
    """Runs until SIGTERM or SIGINT. Raises the DeploydError that kept it from starting or going on."""
    config = load(config_path)
    _prepare_folders(config)
    with only_one(config.paths.lock):
        uvloop.run(_Process(config_path, config).run())


def _prepare_folders(config: Config) -> None:
    """Everything of ours lies under the data folder, which only we may enter."""
    paths = config.paths
    try:
        paths.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (paths.mirrors, paths.builds, paths.caches, paths.artifacts, paths.releases, paths.instances):
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserMistake(
            f"`server.data_dir` {paths.data_dir} cannot be used: {error.strerror}; name a folder that can be written."
        ) from error


@dataclass(frozen=True, kw_only=True)
class _World:
    """What outlives the actors: opened before the first starts, closed after the last has stopped."""

    stores: Stores
    logs: SqliteLogStore
    runtime: ProcessRuntime
    output: InotifyOutputReader
    health: AiohttpProbe
    journal: Journal
    server: WebServer
    proxy: Proxy
    toolchains: HostTools


class _Process:
    """One run of deployd."""

    def __init__(self, config_path: Path, config: Config) -> None:
        self._config_path = config_path
        self._config = config
        self._clock = SystemClock()
        self._refs = Refs()
        self._problems = Problems()
        self._notifier = Notifier(environment().get("NOTIFY_SOCKET"))
        self._watchdog = LoopWatchdog(_warn_of_lag, clock=self._clock)
        self._redactor = Redactor()
        self._supervisor: Supervisor | None = None
        self._world: _World | None = None

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            self._world = world = await self._open(stack)
            tree = children(self._refs, self._makers(world))
            self._supervisor = Supervisor("deployd", tree, clock=self._clock, report=_report)
            await _start(self._supervisor)
            gc.freeze()  # What start-up made stays: collections need not look at it again and again.
            self._notifier.ready()
            self._say_ready(world)
            await self._until_told_to_stop(self._supervisor)

    def _say_ready(self, world: _World) -> None:
        address = world.server.admin_address
        text = (
            f"deployd {version('deployd')} is ready: logs at http://{address}/logs, apps on {self._config.server.http}."
        )
        print(text, flush=True)
        world.journal.say(SYSTEM_APP, None, text)
        for warning in self._warnings(world.runtime):
            world.journal.say(SYSTEM_APP, None, warning, Level.WARN)

    async def _until_told_to_stop(self, supervisor: Supervisor) -> None:
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._watchdog.run(), name="loop watchdog"),
                    group.create_task(self._keep_systemd_calm(), name="systemd watchdog"),
                    group.create_task(supervisor.wait(), name="supervisor"),
                ]
                await told.wait()
                for task in background:
                    task.cancel()
        except* Escalated as escalated:
            raise DeploydError(str(escalated.exceptions[0])) from escalated.exceptions[0]
        finally:
            self._notifier.stopping()
            if left := await supervisor.stop():
                _log.error("did not stop in time: %s", ", ".join(left))

    async def _keep_systemd_calm(self) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(_WATCHDOG_SECONDS)

    # What the actors are made of

    async def _open(self, stack: AsyncExitStack) -> _World:
        config, paths = self._config, self._config.paths
        database = await open_database(paths.database, config.database.url.reveal())
        stack.push_async_callback(database.close)
        stores = open_stores(database, await asyncio.to_thread(MasterKey.load, paths.master_key))
        logs = await SqliteLogStore.open(paths.logs_database)
        stack.push_async_callback(logs.close)
        runtime = ProcessRuntime(paths.instances, self._clock)
        stack.callback(runtime.close)
        output = InotifyOutputReader()
        stack.callback(output.close)
        health = AiohttpProbe()
        stack.push_async_callback(health.close)
        server = WebServer(
            self._desk(stores, logs, runtime),
            admin=config.server.admin_address,
            socket_path=paths.socket,
            extra=page_routes(),
        )
        return _World(
            stores=stores,
            logs=logs,
            runtime=runtime,
            output=output,
            health=health,
            journal=Journal(stores.deployments, stores.events, self._refs.log, self._clock),
            server=server,
            toolchains=HostTools(),
            proxy=Proxy(
                control_hosts=frozenset({config.server.control_name}),
                control=server.control,
                on_access=self._log_access,
                clock=self._clock,
            ),
        )

    def _makers(self, world: _World) -> Makers:
        config, refs, stores = self._config, self._refs, world.stores
        sources = GitRepositories(config.paths.mirrors, config.deploy.fetch_seconds, _git_env())
        artifacts = LocalArtifacts(config.paths.artifacts)
        deploy = self._deploy_tools(world, sources, artifacts)
        build = self._build_tools(world, sources, artifacts)
        file = TomlFile(self._config_path)
        trouble = partial(_note_trouble, self._problems)
        keep_days, keep_mb = config.logs.keep_days, config.logs.keep_mb_per_app
        return Makers(
            log=lambda ref: LogActor(
                ref, world.logs, self._clock, self._redactor, keep_days=keep_days, keep_mb=keep_mb, on_trouble=trouble
            ),
            proxy=lambda ref: ProxyActor(ref, world.proxy, stores.routes),
            deploy=lambda ref: DeployActor(ref, deploy),
            build=lambda ref: BuildActor(ref, build, config.deploy, refs.deploy, refs.log),
            front=lambda ref: FrontActor(ref, world.server, world.proxy, config.server.http_address, _CLOSE_SECONDS),
            config=lambda ref: ConfigActor(
                ref, file, config, stores.apps, stores.deployments, refs.deploy, world.journal, self._problems
            ),
            bot=self._bot_maker(world),
        )

    def _build_tools(self, world: _World, sources: GitRepositories, artifacts: LocalArtifacts) -> BuildTools:
        config, stores = self._config, world.stores
        workshop = Workshop(pass_env=registry_env(environment()), toolchains=config.paths.toolchains)
        builder = SandboxedBuilder(workshop, world.toolchains, timeout_seconds=config.deploy.build_seconds)
        return BuildTools(
            apps=stores.apps,
            deployments=stores.deployments,
            releases=stores.releases,
            envs=stores.envs,
            sources=sources,
            builder=builder,
            artifacts=artifacts,
            journal=world.journal,
            folder=config.paths.builds,
            caches=config.paths.caches,
            clock=self._clock,
        )

    def _deploy_tools(self, world: _World, sources: GitRepositories, artifacts: LocalArtifacts) -> DeployTools:
        config, stores = self._config, world.stores
        return DeployTools(
            apps=stores.apps,
            deployments=stores.deployments,
            releases=stores.releases,
            instances=stores.instances,
            routes=stores.routes,
            envs=stores.envs,
            logs=world.logs,
            sources=sources,
            artifacts=artifacts,
            runtime=world.runtime,
            toolchains=world.toolchains,
            output=world.output,
            health=world.health,
            journal=world.journal,
            clock=self._clock,
            config=config.deploy,
            releases_folder=config.paths.releases,
            caches_folder=config.paths.caches,
            base_domain=config.server.base_domain,
            control_hosts=frozenset({config.server.control_name}),
            front=self._front,
            proxy=self._refs.proxy,
            build=self._refs.build,
            log=self._refs.log,
        )

    def _desk(self, stores: Stores, logs: SqliteLogStore, runtime: ProcessRuntime) -> Desk:
        vitals = Vitals(
            problems=self._all_problems,
            warnings=partial(self._warnings, runtime),
            actors=self._actor_statuses,
            proxy=self._proxy_figures,
            outcomes=self._outcomes,
            loop_lag_seconds=lambda: self._watchdog.worst_ms / 1000,
        )
        return Desk(
            deploy=self._refs.deploy,
            proxy=self._refs.proxy,
            log=self._refs.log,
            apps=stores.apps,
            deployments=stores.deployments,
            releases=stores.releases,
            instances=stores.instances,
            routes=stores.routes,
            env=stores.envs,
            tokens=stores.tokens,
            events=stores.events,
            logs=logs,
            clock=self._clock,
            base_domain=self._config.server.base_domain,
            version=version("deployd"),
            control_host=self._config.server.control_name,
            url_of=self._url_form.format,
            vitals=vitals,
        )

    def _bot_maker(self, world: _World) -> Callable[[Ref[BotMessage]], BotActor] | None:
        config, stores = self._config.telegram, world.stores
        if not config.token.reveal():
            return None
        reads = BotReads(
            apps=stores.apps,
            deployments=stores.deployments,
            releases=stores.releases,
            instances=stores.instances,
            routes=stores.routes,
            logs=world.logs,
            clock=self._clock,
            base_domain=self._config.server.base_domain,
            url_form=self._url_form.replace("{}", "{host}"),
        )
        connect = partial(telegram.connect, config.token, config.api_base)
        allow = frozenset(config.allow)
        return lambda ref: BotActor(ref, connect, self._refs.deploy, reads, stores.events, allow, self._clock)

    # What is said about this process

    @property
    def _url_form(self) -> str:
        port = self._config.server.http_address.port
        return "http://{}/" if port == 80 else f"http://{{}}:{port}/"

    def _front(self) -> Address:
        """Where the proxy is reached from this host."""
        listening = self._config.server.http_address
        return Address(host="127.0.0.1" if listening.host in ("0.0.0.0", "::") else listening.host, port=listening.port)

    def _all_problems(self) -> list[str]:
        down = [
            f"{one.name} is {one.state}: {one.last_failure}" if one.last_failure else f"{one.name} is {one.state}."
            for one in self._actor_statuses()
            if one.state is not State.RUNNING
        ]
        return [*self._problems.all(), *down]

    def _warnings(self, runtime: ProcessRuntime) -> tuple[str, ...]:
        return (*runtime.warnings(), _AS_ROOT) if os.geteuid() == 0 else runtime.warnings()

    def _proxy_figures(self) -> dict[str, float]:
        return self._world.proxy.stats().totals() if self._world else {}

    def _outcomes(self) -> dict[Outcome, int]:
        return dict(self._world.journal.outcomes) if self._world else {}

    def _actor_statuses(self) -> list[ChildStatus]:
        return self._supervisor.status() if self._supervisor else []

    def _log_access(self, records: Sequence[AccessRecord]) -> None:
        self._refs.log.tell(AppendLines(lines=tuple(_access_line(record) for record in records)))


async def _start(supervisor: Supervisor) -> None:
    """What keeps an actor from starting is said as it is, without the supervisor's words around it."""
    try:
        await supervisor.start()
    except Escalated as escalated:
        if isinstance(escalated.__cause__, DeploydError):
            raise escalated.__cause__ from None
        raise


def _report(failure: ActorFailure) -> None:
    """A traceback is for bugs; an expected failure is one sentence."""
    error = failure.crash.error
    _log.error("%s", failure, exc_info=None if isinstance(error, DeploydError) else error)


def _access_line(record: AccessRecord) -> NewLine:
    milliseconds = record.duration_seconds * 1000
    return NewLine(
        app=record.app or SYSTEM_APP,
        time_ms=record.time_ms,
        source=Source.PROXY,
        text=f"{record.client} {record.method} {record.host}{record.path} {record.status} "
        f"{record.sent_bytes} B {milliseconds:.1f} ms {record.request_id}",
        level=Level.ERROR if record.status >= 500 else Level.INFO,
        release=record.release,
    )


def _git_env() -> dict[str, str]:
    """What git needs of our environment: keys for ssh, and how to reach hosts."""
    names = (
        "HOME",
        "PATH",
        "SSH_AUTH_SOCK",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "GIT_SSL_CAINFO",
        "SSL_CERT_FILE",
    )
    return {name: value for name, value in environment().items() if name in names}


def _note_trouble(problems: Problems, sentence: str | None) -> None:
    if sentence is None:
        problems.clear("log")
    else:
        problems.say("log", sentence)


def _warn_of_lag(milliseconds: float) -> None:
    _log.warning("the event loop was held up for %.0f ms", milliseconds)
