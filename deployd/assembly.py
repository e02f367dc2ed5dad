"""The actors and the web edges of one run: what each is made of."""

import logging
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from actors.build import BuildActor, BuildTools
from actors.certificates import CertificateActor, CertificateTools
from actors.config import ConfigActor
from actors.deploy import DeployActor, DeployTools
from actors.journal import Journal
from actors.logs import LogActor
from actors.proxy import ProxyActor
from deployd.adapters import telegram
from deployd.adapters.toml_file import TomlFile
from deployd.config import Config
from deployd.domain.errors import DeploydError
from deployd.domain.links import Links
from deployd.domain.route import Address
from deployd.doors import Doors
from deployd.kernel.child import State
from deployd.kernel.clock import Clock
from deployd.kernel.failure import ActorFailure, Next
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import Supervisor
from deployd.kernel.watchdog import LoopWatchdog
from deployd.logs.figures import LogFigures
from deployd.logs.redaction import Redactor
from deployd.messages.bot import BotMessage
from deployd.messages.certificates import CertificateMessage, HostsRouted
from deployd.proxy.proxy import Proxy
from deployd.settings.declared import Declared
from deployd.succession import Succession
from deployd.tree import Makers, Refs, children
from deployd.world import World
from web.desk import Desk
from web.front import FrontActor
from web.server import WebServer
from web.ui_files import page_routes
from web.vitals import Vitals

if TYPE_CHECKING:
    from actors.bot import BotActor

_AS_ROOT = "deployd runs as root, and so do the apps: give it a user of its own (packaging/deployd.service)."
_log = logging.getLogger("deployd")


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """`problems` stand in /readyz as what is wrong, `cautions` as warnings."""

    config_path: Path
    config: Config
    world: World
    refs: Refs
    proxy: Proxy
    doors: Doors
    journal: Journal
    problems: Problems
    cautions: Problems
    redactor: Redactor
    log_figures: LogFigures
    watchdog: LoopWatchdog
    succession: Succession
    clock: Clock

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(
            "deployd",
            children(self.refs, self._makers(), self.config.server.shutdown_seconds),
            clock=self.clock,
            report=_report,
        )

    def _makers(self) -> Makers:
        config, refs, world = self.config, self.refs, self.world
        deploy, build = self._deploy_tools(), self._build_tools()
        file = TomlFile(self.config_path)
        trouble = partial(_note_trouble, self.problems)
        keep_days, keep_mb = config.logs.keep_days, config.logs.keep_mb_per_app
        return Makers(
            log=lambda ref: LogActor(
                ref,
                world.logs,
                self.clock,
                self.redactor,
                keep_days=keep_days,
                keep_mb=keep_mb,
                figures=self.log_figures,
                on_trouble=trouble,
            ),
            proxy=lambda ref: ProxyActor(
                ref, self.proxy, world.stores.routes, refs.certificates if config.server.https else None
            ),
            deploy=lambda ref: DeployActor(ref, deploy),
            build=lambda ref: BuildActor(ref, build, config.deploy, refs.deploy, refs.log),
            front=lambda ref: FrontActor(
                ref,
                self.server,
                self.proxy,
                self.doors,
                config.server.http_address,
                config.server.shutdown_seconds,
                followed=lambda: self.succession.under_way,
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
                self.journal,
                self.problems,
                self._declared,
            ),
            certificates=self._certificate_maker(),
            bot=self._bot_maker(),
        )

    def _certificate_maker(self) -> Callable[[Ref[CertificateMessage]], CertificateActor] | None:
        config, world = self.config, self.world
        if not config.server.https:
            return None
        # X.509 takes 70 ms to load, which others do without.
        from deployd.proxy.tls.own_files import OwnFiles
        from deployd.proxy.tls.pem import read_certificate

        tools = CertificateTools(
            authority=world.authority,
            public=not config.tls.directory,
            store=world.stores.certificates,
            routes=world.stores.routes,
            files=OwnFiles(config.tls.certificates),
            shelf=self.proxy.certificates,
            board=self.proxy.board,
            read=read_certificate,
            journal=self.journal,
            warnings=self.cautions,
            clock=self.clock,
            random=random.random,
            control_host=config.server.control_name,
            accepting=lambda: self.proxy.accepting,
        )
        return lambda ref: CertificateActor(ref, tools)

    def _build_tools(self) -> BuildTools:
        world, paths = self.world, self.config.paths
        return BuildTools(
            stores=world.stores,
            sources=world.sources,
            builder=world.builder,
            artifacts=world.artifacts,
            journal=self.journal,
            folder=paths.builds,
            caches=paths.caches,
            clock=self.clock,
        )

    def _deploy_tools(self) -> DeployTools:
        config, world = self.config, self.world
        return DeployTools(
            stores=world.stores,
            logs=world.logs,
            sources=world.sources,
            artifacts=world.artifacts,
            runtime=world.runtime,
            toolchains=world.toolchains,
            output=world.output,
            health=world.health,
            journal=self.journal,
            clock=self.clock,
            config=config.deploy,
            releases_folder=config.paths.releases,
            caches_folder=config.paths.caches,
            base_domain=config.server.base_domain,
            control_hosts=frozenset({config.server.control_name}),
            front=self._front,
            door_pass=self.proxy.door_pass,
            proxy=self.refs.proxy,
            build=self.refs.build,
            log=self.refs.log,
            redact=self.redactor.redact,
        )

    @cached_property
    def _declared(self) -> Declared:
        return Declared(self.config_path.absolute(), self.config.apps)

    @cached_property
    def server(self) -> WebServer:
        server = self.config.server
        desk = Desk(
            deploy=self.refs.deploy,
            config=self.refs.config,
            proxy=self.refs.proxy,
            log=self.refs.log,
            declared=self._declared,
            stores=self.world.stores,
            logs=self.world.logs,
            clock=self.clock,
            base_domain=server.base_domain,
            version=version("deployd"),
            control_host=server.control_name,
            url_of=self._links.to,
            reload=self.succession.begin,
            settled=lambda: self.succession.settled,
            toolchains=self.world.toolchains,
            vitals=Vitals(
                problems=self._all_problems,
                warnings=self.warnings,
                actors=lambda: self.supervisor.status(),
                proxy=lambda: self.proxy.stats().totals(),
                paused=self.proxy.paused,
                logs=self.log_figures.read,
                outcomes=lambda: dict(self.journal.outcomes),
                loop_lag_seconds=lambda: self.watchdog.worst_ms / 1000,
                certificates=lambda: {
                    name: one.not_after_ms / 1000 for name, one in self.proxy.certificates.served().items()
                },
            ),
        )
        return WebServer(
            desk,
            doors=self.doors,
            admin=server.admin_address,
            socket_path=self.config.paths.socket,
            extra=page_routes(),
        )

    def _bot_maker(self) -> "Callable[[Ref[BotMessage]], BotActor] | None":
        config, world = self.config.telegram, self.world
        if not config.token.reveal():
            return None
        from actors.bot import BotActor, BotReads

        reads = BotReads(
            stores=world.stores,
            logs=world.logs,
            clock=self.clock,
            base_domain=self.config.server.base_domain,
            url_of=self._links.to,
            proxy=self.refs.proxy,
            declared=self._declared,
            paused=self.proxy.paused,
        )
        connect = partial(telegram.connect, config.token, config.api_base)
        allow = frozenset(config.allow)
        return lambda ref: BotActor(
            ref,
            connect,
            self.refs.deploy,
            self.refs.proxy,
            reads,
            world.stores.events,
            allow,
            self.clock,
            self.cautions,
        )

    # What is said about this process

    @property
    def _links(self) -> Links:
        server, certificates = self.config.server, self.proxy.certificates
        return Links(
            http_port=server.http_address.port,
            https_port=server.https_address.port if server.https_address is not None else 0,
            certified=lambda host: certificates.has(host.encode()),
        )

    def _front(self) -> Address:
        """Where the proxy is reached from this host."""
        listening = self.config.server.http_address
        return Address(host="127.0.0.1" if listening.host in ("0.0.0.0", "::") else listening.host, port=listening.port)

    def _all_problems(self) -> list[str]:
        down = [
            f"{one.name} is {one.state}: {one.last_failure}" if one.last_failure else f"{one.name} is {one.state}."
            for one in self.supervisor.status()
            if one.state is not State.RUNNING
        ]
        return [*self.problems.all(), *down]

    def warnings(self) -> tuple[str, ...]:
        """What passes comes before what is so on this host."""
        world = self.world
        warnings = (*self.cautions.all(), *world.builder.warnings(), *world.runtime.warnings(), *world.stores.broken())
        return (*warnings, _AS_ROOT) if os.geteuid() == 0 else warnings


def _report(failure: ActorFailure) -> None:
    """A traceback is for bugs; an expected failure is one sentence, and what ends deployd is said in the end."""
    error = failure.crash.error
    if failure.next is Next.ESCALATE and isinstance(error, DeploydError):
        return
    _log.error("%s", failure, exc_info=None if isinstance(error, DeploydError) else error)


def _note_trouble(problems: Problems, sentence: str | None) -> None:
    if sentence is None:
        problems.clear("log")
    else:
        problems.say("log", sentence)
