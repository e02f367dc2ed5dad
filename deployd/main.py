"""One run of the process: puts actors, web edges and proxy together, and runs them until told to stop."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
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
from deployd.adapters.toml_file import TomlFile
from deployd.config import Config, environment, load
from deployd.domain.errors import DeploydError
from deployd.domain.ids import SYSTEM_APP
from deployd.domain.log_line import Level, NewLine, Source
from deployd.domain.route import Address
from deployd.kernel.child import State
from deployd.kernel.clock import SystemClock
from deployd.kernel.errors import Escalated
from deployd.kernel.failure import ActorFailure
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import Supervisor
from deployd.kernel.watchdog import LoopWatchdog
from deployd.lock import only_one
from deployd.logs.redaction import Redactor
from deployd.messages.bot import BotMessage
from deployd.messages.log import AppendLines
from deployd.notify import Notifier
from deployd.proxy.access import AccessRecord
from deployd.proxy.proxy import Proxy
from deployd.tree import Makers, Refs, children
from deployd.world import open_world, prepare_folders
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
    prepare_folders(config)
    with only_one(config.paths.lock):
        uvloop.run(_Process(config_path, config).run())


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

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            self._world = await open_world(self._config, self._clock, stack)
            stores = self._world.stores
            self._journal = Journal(stores.deployments, stores.events, self._refs.log, self._clock)
            self._server = self._web_server()
            self._proxy = Proxy(
                control_hosts=frozenset({self._config.server.control_name}),
                control=self._server.control,
                on_access=self._log_access,
                clock=self._clock,
            )
            tree = children(self._refs, self._makers())
            self._supervisor = Supervisor("deployd", tree, clock=self._clock, report=_report)
            await _start(self._supervisor)
            gc.freeze()  # What start-up made stays: collections need not look at it again and again.
            self._notifier.ready()
            self._say_ready()
            await self._until_told_to_stop()

    def _say_ready(self) -> None:
        text = (
            f"deployd {version('deployd')} is ready: logs at http://{self._server.admin_address}/logs, "
            f"apps on {self._config.server.http}."
        )
        print(text, flush=True)
        self._journal.say(SYSTEM_APP, None, text)
        for warning in self._warnings():
            self._journal.say(SYSTEM_APP, None, warning, Level.WARN)

    async def _until_told_to_stop(self) -> None:
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._watchdog.run(), name="loop watchdog"),
                    group.create_task(self._keep_systemd_calm(), name="systemd watchdog"),
                    group.create_task(self._supervisor.wait(), name="supervisor"),
                ]
                await told.wait()
                for task in background:
                    task.cancel()
        except* Escalated as escalated:
            raise DeploydError(str(escalated.exceptions[0])) from escalated.exceptions[0]
        finally:
            self._notifier.stopping()
            if left := await self._supervisor.stop():
                _log.error("did not stop in time: %s", ", ".join(left))

    async def _keep_systemd_calm(self) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(_WATCHDOG_SECONDS)

    # What the actors and the web edges are made of

    def _makers(self) -> Makers:
        config, refs, world = self._config, self._refs, self._world
        deploy, build = self._deploy_tools(), self._build_tools()
        file = TomlFile(self._config_path)
        trouble = partial(_note_trouble, self._problems)
        keep_days, keep_mb = config.logs.keep_days, config.logs.keep_mb_per_app
        return Makers(
            log=lambda ref: LogActor(
                ref, world.logs, self._clock, self._redactor, keep_days=keep_days, keep_mb=keep_mb, on_trouble=trouble
            ),
            proxy=lambda ref: ProxyActor(ref, self._proxy, world.stores.routes),
            deploy=lambda ref: DeployActor(ref, deploy),
            build=lambda ref: BuildActor(ref, build, config.deploy, refs.deploy, refs.log),
            front=lambda ref: FrontActor(ref, self._server, self._proxy, config.server.http_address, _CLOSE_SECONDS),
            config=lambda ref: ConfigActor(
                ref,
                file,
                config,
                world.stores.apps,
                world.stores.deployments,
                refs.deploy,
                self._journal,
                self._problems,
            ),
            bot=self._bot_maker(),
        )

    def _build_tools(self) -> BuildTools:
        world, paths = self._world, self._config.paths
        return BuildTools(
            stores=world.stores,
            sources=world.sources,
            builder=world.builder,
            artifacts=world.artifacts,
            journal=self._journal,
            folder=paths.builds,
            caches=paths.caches,
            clock=self._clock,
        )

    def _deploy_tools(self) -> DeployTools:
        config, world = self._config, self._world
        return DeployTools(
            stores=world.stores,
            logs=world.logs,
            sources=world.sources,
            artifacts=world.artifacts,
            runtime=world.runtime,
            toolchains=world.toolchains,
            output=world.output,
            health=world.health,
            journal=self._journal,
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

    def _web_server(self) -> WebServer:
        server = self._config.server
        desk = Desk(
            deploy=self._refs.deploy,
            proxy=self._refs.proxy,
            log=self._refs.log,
            stores=self._world.stores,
            logs=self._world.logs,
            clock=self._clock,
            base_domain=server.base_domain,
            version=version("deployd"),
            control_host=server.control_name,
            url_of=self._url_form.format,
            vitals=Vitals(
                problems=self._all_problems,
                warnings=self._warnings,
                actors=lambda: self._supervisor.status(),
                proxy=lambda: self._proxy.stats().totals(),
                outcomes=lambda: dict(self._journal.outcomes),
                loop_lag_seconds=lambda: self._watchdog.worst_ms / 1000,
            ),
        )
        return WebServer(desk, admin=server.admin_address, socket_path=self._config.paths.socket, extra=page_routes())

    def _bot_maker(self) -> Callable[[Ref[BotMessage]], BotActor] | None:
        config, world = self._config.telegram, self._world
        if not config.token.reveal():
            return None
        reads = BotReads(
            stores=world.stores,
            logs=world.logs,
            clock=self._clock,
            base_domain=self._config.server.base_domain,
            url_form=self._url_form.replace("{}", "{host}"),
        )
        connect = partial(telegram.connect, config.token, config.api_base)
        allow = frozenset(config.allow)
        return lambda ref: BotActor(ref, connect, self._refs.deploy, reads, world.stores.events, allow, self._clock)

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
            for one in self._supervisor.status()
            if one.state is not State.RUNNING
        ]
        return [*self._problems.all(), *down]

    def _warnings(self) -> tuple[str, ...]:
        warnings = self._world.runtime.warnings()
        return (*warnings, _AS_ROOT) if os.geteuid() == 0 else warnings

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


def _note_trouble(problems: Problems, sentence: str | None) -> None:
    if sentence is None:
        problems.clear("log")
    else:
        problems.say("log", sentence)


def _warn_of_lag(milliseconds: float) -> None:
    _log.warning("the event loop was held up for %.0f ms", milliseconds)
