"""One run of the process: opens the world, starts the actors, and runs them until told to stop."""

import asyncio
import gc
import logging
import signal
import socket
import time
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import uvloop

from actors.journal import Journal
from deployd.assembly import Assembly
from deployd.config import Config
from deployd.config_file import environment, load
from deployd.domain.errors import DeploydError
from deployd.domain.ids import SYSTEM_APP
from deployd.domain.log_line import Level
from deployd.doors import Doors, are_kept, from_systemd
from deployd.handover import Legacy, step_out
from deployd.kernel.clock import SystemClock
from deployd.kernel.errors import Escalated
from deployd.kernel.first_failure import first_failure
from deployd.kernel.lag_report import LagReport
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.kernel.problems import Problems
from deployd.kernel.supervisor import Supervisor
from deployd.kernel.watchdog import LoopWatchdog
from deployd.lock import Lock, only_one
from deployd.logs.figures import LogFigures
from deployd.logs.redaction import Redactor
from deployd.notify import Notifier
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.proxy import Proxy
from deployd.succession import Succession
from deployd.tree import Refs
from deployd.world import cookie_key, open_world, prepare_folders

_CANCEL_SECONDS = 1.0
_CLOSE_SECONDS = 15.0
"""For the stores and what Python does at its end."""
_log = logging.getLogger("deployd")


def serve(config_path: Path) -> None:
    """Runs until SIGTERM or SIGINT. Raises the DeploydError that kept it from starting or going on."""
    step_out(environment())
    config = load(config_path)
    prepare_folders(config)
    legacy = Legacy.claim(environment(), config.paths.offer)
    with only_one(config.paths.lock, legacy.lock if legacy else None) as lock:
        uvloop.run(_Process(config_path, config, lock, legacy).run())


class _Process:
    """One run of deployd."""

    def __init__(self, config_path: Path, config: Config, lock: Lock, legacy: Legacy | None) -> None:
        self._config_path = config_path
        self._config = config
        self._legacy = legacy
        self._clock = SystemClock()
        self._refs = Refs()
        self._doors = Doors(_inherited(legacy), kept=are_kept(environment()))
        self._notifier = Notifier(environment(), main=legacy is None or legacy.named)
        self._succession = Succession(
            config_path,
            config.paths.offer,
            lock,
            self._doors,
            self._notifier,
            self._refs.log,
            deployments=lambda: self._assembly.world.stores.deployments,
        )
        self._watchdog = LoopWatchdog(LagReport(_log.warning, self._clock, _time_of_day), clock=self._clock)
        self._problems = Problems()
        self._cautions = Problems()
        self._redactor = Redactor()
        self._log_figures = LogFigures()

    async def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._succession.stop)
        server = self._config.server
        self._proxy = Proxy(
            control_hosts=frozenset({server.control_name}),
            control=lambda: self._assembly.server.control(),
            on_access=self._succession.log_access,
            limits=ProxyLimits(connections_per_address=server.connections_per_address),
            clock=self._clock,
            trusted=server.trusted_proxies,
            proxy_protocol=server.proxy_protocol,
            http2=server.http2,
            brand=server.brand,
            cookie_key=await cookie_key(self._config),
        )
        tasks = OwnedTasks()
        tasks.spawn(self._keep_systemd_calm(), name="systemd watchdog")
        try:
            with self._doors:
                while True:
                    async with AsyncExitStack() as stack:
                        await self._serve(stack)
                    if await self._succession.finish(self._proxy, server.shutdown_seconds):
                        return
        finally:
            await tasks.cancel(_CANCEL_SECONDS)

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Until told to stop, or a new process is ready to take over; everything but the proxy is shut then."""
        world = await open_world(self._config, self._clock, stack)
        journal = Journal(world.stores.deployments, world.stores.events, self._refs.log, self._clock)
        self._assembly = assembly = Assembly(
            config_path=self._config_path,
            config=self._config,
            world=world,
            refs=self._refs,
            proxy=self._proxy,
            doors=self._doors,
            journal=journal,
            problems=self._problems,
            cautions=self._cautions,
            redactor=self._redactor,
            log_figures=self._log_figures,
            watchdog=self._watchdog,
            succession=self._succession,
            clock=self._clock,
        )
        gc.freeze()  # What was loaded stays: collections need not look at it again and again…
        await _start(assembly.supervisor)
        gc.freeze()  # … nor at what the start made.
        self._succession.resume()
        if self._legacy is not None:
            await self._legacy.serve()
            self._succession.follow(self._legacy)
            self._legacy = None  # Once: this may be a start anew, since no new process took over.
        self._notifier.ready()
        self._say_ready(journal, assembly)
        await self._until_told(assembly.supervisor)

    def _say_ready(self, journal: Journal, assembly: Assembly) -> None:
        text = (
            f"deployd {version('deployd')} is ready: logs at http://{assembly.server.admin_address}/logs, "
            f"apps on {self._config.server.http}."
        )
        print(text, flush=True)
        journal.say(SYSTEM_APP, None, text)
        for warning in assembly.warnings():
            journal.say(SYSTEM_APP, None, warning, Level.WARN)

    async def _until_told(self, supervisor: Supervisor) -> None:
        try:
            with first_failure(Escalated):
                async with asyncio.TaskGroup() as group:
                    background = [
                        group.create_task(self._watchdog.run(), name="loop watchdog"),
                        group.create_task(supervisor.wait(), name="supervisor"),
                    ]
                    await self._succession.told.wait()
                    for task in background:
                        task.cancel()
        except Escalated as escalated:
            raise _cause(escalated) from escalated
        finally:
            if not self._succession.under_way:
                self._notifier.stopping(supervisor.stop_seconds + _CLOSE_SECONDS)
            if left := await supervisor.stop():
                _log.error("did not stop in time: %s", ", ".join(left))

    async def _keep_systemd_calm(self) -> None:
        """From the loop, so that one that is stuck is noticed; also while this process waits for the next one."""
        while self._notifier.alive_seconds is not None:
            self._notifier.alive()
            await asyncio.sleep(self._notifier.alive_seconds)


def _inherited(legacy: Legacy | None) -> list[socket.socket]:
    """systemd's are those of the process before this one, too, when there is one."""
    passed = from_systemd(environment())
    if legacy is None:
        return passed
    for one in passed:
        one.close()
    return legacy.doors


async def _start(supervisor: Supervisor) -> None:
    """What keeps an actor from starting is said as it is, without the supervisor's words around it."""
    try:
        await supervisor.start()
    except Escalated as escalated:
        if isinstance(escalated.__cause__, DeploydError):
            raise escalated.__cause__ from None
        raise


def _cause(escalated: BaseException) -> DeploydError:
    cause = escalated.__cause__
    return cause if isinstance(cause, DeploydError) else DeploydError(str(escalated))


def _time_of_day(time_ms: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time_ms / 1000))
