"""One run of the process: puts actors, web edges and proxy together, and runs them until told to stop."""

import asyncio
import gc
import logging
import os
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvloop

from actors.bot import BotActor, BotReads
from actors.build import BuildActor, BuildTools
from actors.certificates import CertificateActor, CertificateTools
from actors.config import ConfigActor
from actors.deploy import DeployActor, DeployTools
from actors.journal import Journal
from actors.logs import LogActor
from actors.proxy import ProxyActor
from deployd.adapters import telegram
from deployd.adapters.toml_file import TomlFile
from deployd.config import Config, environment, load
from deployd.domain.deployment import Stage
from deployd.domain.errors import DeploydError, StateConflict
from deployd.domain.ids import SYSTEM_APP
from deployd.domain.log_line import Level, NewLine, Source
from deployd.domain.route import Address
from deployd.doors import Doors, from_systemd
from deployd.handover import Heir, Legacy
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
from deployd.messages.certificates import CertificateMessage, HostsRouted
from deployd.messages.log import AppendLines
from deployd.notify import Notifier
from deployd.proxy.access import AccessRecord
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.proxy import Proxy
from deployd.proxy.tls.own_files import OwnFiles
from deployd.proxy.tls.pem import read_certificate
from deployd.tree import Makers, Refs, children
from deployd.world import cookie_key, open_world, prepare_folders
from web.desk import Desk
from web.front import FrontActor
from web.server import WebServer
from web.ui_files import page_routes
from web.vitals import Vitals

_WATCHDOG_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_PATIENT_SECONDS = 5.0
_TELL_SECONDS = 0.2
_AS_ROOT = "deployd runs as root, and so do the apps: give it a user of its own (packaging/deployd.service)."
_log = logging.getLogger("deployd")


def serve(config_path: Path) -> None:
    """Runs until SIGTERM or SIGINT. Raises the DeploydError that kept it from starting or going on."""
    config = load(config_path)
    prepare_folders(config)
    legacy = Legacy.claim(environment())
    with only_one(config.paths.lock, legacy.lock if legacy else None) as lock:
        uvloop.run(_Process(config_path, config, lock, legacy).run())


class _Process:
    """One run of deployd."""

    def __init__(self, config_path: Path, config: Config, lock: int, legacy: Legacy | None) -> None:
        self._config_path = config_path
        self._lock = lock
        self._legacy = legacy
        self._heir: Heir | None = None
        self._unsaid: list[NewLine] = []
        self._doors = Doors(legacy.doors if legacy else from_systemd(environment()))
        self._config = config
        self._clock = SystemClock()
        self._refs = Refs()
        self._problems = Problems()
        self._cautions = Problems()
        self._notifier = Notifier(environment().get("NOTIFY_SOCKET"))
        self._watchdog = LoopWatchdog(_warn_of_lag, clock=self._clock)
        self._redactor = Redactor()

    async def run(self) -> None:
        self._told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._told.set)
        self._proxy = Proxy(
            control_hosts=frozenset({self._config.server.control_name}),
            control=lambda: self._server.control(),
            on_access=self._log_access,
            limits=ProxyLimits(connections_per_address=self._config.server.connections_per_address),
            clock=self._clock,
            trusted=self._config.server.trusted_proxies,
            proxy_protocol=self._config.server.proxy_protocol,
            http2=self._config.server.http2,
            cookie_key=await cookie_key(self._config),
        )
        with self._doors:
            while True:
                async with AsyncExitStack() as stack:
                    await self._serve(stack)
                if self._heir is None or await self._hand_over(self._heir):
                    return

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Until told to stop, or a new process is ready to take over; everything but the proxy is shut then."""
        self._world = await open_world(self._config, self._clock, stack)
        stores = self._world.stores
        self._journal = Journal(stores.deployments, stores.events, self._refs.log, self._clock)
        self._server = self._web_server()
        tree = children(self._refs, self._makers())
        self._supervisor = Supervisor("deployd", tree, clock=self._clock, report=_report)
        await _start(self._supervisor)
        gc.freeze()  # What start-up made stays: collections need not look at it again and again.
        if self._legacy is not None:
            await self._legacy.serve()
        self._notifier.ready()
        self._say_ready()
        await self._until_told()

    def _say_ready(self) -> None:
        text = (
            f"deployd {version('deployd')} is ready: logs at http://{self._server.admin_address}/logs, "
            f"apps on {self._config.server.http}."
        )
        print(text, flush=True)
        self._journal.say(SYSTEM_APP, None, text)
        for warning in self._warnings():
            self._journal.say(SYSTEM_APP, None, warning, Level.WARN)

    async def _until_told(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._watchdog.run(), name="loop watchdog"),
                    group.create_task(self._keep_systemd_calm(), name="systemd watchdog"),
                    group.create_task(self._supervisor.wait(), name="supervisor"),
                    group.create_task(self._keep_last_lines(), name="lines of the process before"),
                ]
                await self._told.wait()
                for task in background:
                    task.cancel()
        except* Escalated as escalated:
            raise DeploydError(str(escalated.exceptions[0])) from escalated.exceptions[0]
        finally:
            if self._heir is None:
                self._notifier.stopping()
            if left := await self._supervisor.stop():
                _log.error("did not stop in time: %s", ", ".join(left))

    async def _keep_last_lines(self) -> None:
        if self._legacy is not None:
            async for line in self._legacy.told():
                self._refs.log.tell(AppendLines(lines=tuple(msgspec.json.decode(line, type=list[NewLine]))))

    # A new process takes over

    async def _reload(self) -> None:
        """Starts the process that follows this one. Refused while something runs that it could not go on with."""
        if self._heir is not None:
            raise StateConflict("A new process is taking over already.")
        running = [one for one in await self._world.stores.deployments.unfinished() if one.stage is not Stage.QUEUED]
        if running:
            raise StateConflict(f"A deployment of {running[0].app!r} is running: wait for its end or cancel it.")
        await asyncio.to_thread(load, self._config_path)  # What is wrong in the file is said here, not by the heir.
        self._heir = await Heir.start(self._config_path, environment())
        self._told.set()

    async def _hand_over(self, heir: Heir) -> bool:
        """Whether the new process serves. What is in flight here ends here; otherwise everything starts again."""
        self._told.clear()
        if not await heir.take(self._lock, self._doors.all()):
            _log.error("the new process did not take over; this one goes on")
            await heir.dismiss()
            self._heir = None
            return False
        self._notifier.followed_by(heir.pid)
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(self._leave(heir), name="finish what is in flight")
            told = group.create_task(self._told.wait(), name="told to stop")
            await asyncio.wait({leaving, told}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            told.cancel()
        heir.leave()
        return True

    async def _leave(self, heir: Heir) -> None:
        telling = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            teller = group.create_task(self._tell_last_lines(heir, telling), name="last lines")
            await self._proxy.close(self._config.server.shutdown_seconds, _PATIENT_SECONDS)
            telling.set()
            await teller

    async def _tell_last_lines(self, heir: Heir, last: asyncio.Event) -> None:
        """The access log of the requests that end here, now that the log belongs to the new process."""
        while True:
            ended = last.is_set()
            lines, self._unsaid = self._unsaid, []
            if lines:
                await heir.tell(msgspec.json.encode(lines) + b"\n")
            if ended:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(last.wait(), _TELL_SECONDS)

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
            proxy=lambda ref: ProxyActor(
                ref, self._proxy, world.stores.routes, refs.certificates if config.server.https else None
            ),
            deploy=lambda ref: DeployActor(ref, deploy),
            build=lambda ref: BuildActor(ref, build, config.deploy, refs.deploy, refs.log),
            front=lambda ref: FrontActor(
                ref,
                self._server,
                self._proxy,
                self._doors,
                config.server.http_address,
                _CLOSE_SECONDS,
                followed=lambda: self._heir is not None,
                secure=config.server.https_address,
                opened=lambda: refs.certificates.tell(HostsRouted()),
            ),
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
            certificates=self._certificate_maker(),
            bot=self._bot_maker(),
        )

    def _certificate_maker(self) -> Callable[[Ref[CertificateMessage]], CertificateActor] | None:
        config, world = self._config, self._world
        if not config.server.https:
            return None
        tools = CertificateTools(
            authority=world.authority,
            public=not config.tls.directory,
            store=world.stores.certificates,
            routes=world.stores.routes,
            files=OwnFiles(config.tls.certificates),
            shelf=self._proxy.certificates,
            board=self._proxy.board,
            read=read_certificate,
            journal=self._journal,
            warnings=self._cautions,
            clock=self._clock,
            random=random.random,
            control_host=config.server.control_name,
            accepting=lambda: self._proxy.accepting,
        )
        return lambda ref: CertificateActor(ref, tools)

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
            door_pass=self._proxy.door_pass,
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
            reload=self._reload,
            vitals=Vitals(
                problems=self._all_problems,
                warnings=self._warnings,
                actors=lambda: self._supervisor.status(),
                proxy=lambda: self._proxy.stats().totals(),
                outcomes=lambda: dict(self._journal.outcomes),
                loop_lag_seconds=lambda: self._watchdog.worst_ms / 1000,
                certificates=lambda: {
                    name: one.not_after_ms / 1000 for name, one in self._proxy.certificates.served().items()
                },
            ),
        )
        return WebServer(
            desk,
            doors=self._doors,
            admin=server.admin_address,
            socket_path=self._config.paths.socket,
            extra=page_routes(),
        )

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
        warnings = (*self._world.runtime.warnings(), *self._cautions.all())
        return (*warnings, _AS_ROOT) if os.geteuid() == 0 else warnings

    def _log_access(self, records: Sequence[AccessRecord]) -> None:
        lines = tuple(_access_line(record) for record in records)
        if self._heir is None:
            self._refs.log.tell(AppendLines(lines=lines))
        else:
            self._unsaid.extend(lines)


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
        f"{record.sent_bytes} B {milliseconds:.1f} ms {record.request_id}"
        f"{f' (one of {record.stands_for})' if record.stands_for > 1 else ''}",
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
