"""BotActor among real parts: real stores, the real Telegram adapter over HTTP, a Bot API server on loopback.

Only DeployActor's place is taken: DeployDesk writes the rows and events that it would write, when the test says so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from actors.bot import BotActor, BotReads, Pace
from actors.journal import Journal
from deployd.adapters.telegram import connect
from deployd.domain.app import App, AppSettings
from deployd.domain.build import BuildPlan
from deployd.domain.canary_verdict import Traffic
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.edge import Canary, CanaryRule
from deployd.domain.errors import DeploydError
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, DeploymentId, new_id
from deployd.domain.log_line import NewLine, Source
from deployd.domain.route import Address, CanaryRoute, HoldReport, Route
from deployd.domain.secret import Secret
from deployd.kernel.actor import Actor
from deployd.kernel.backoff import Backoff
from deployd.kernel.budget import Budget
from deployd.kernel.clock import SystemClock
from deployd.kernel.failure import ActorFailure
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, GiveUp, Supervisor
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.bot import AskBotStatus, BotMessage, BotStatus
from deployd.messages.deploy import (
    AbortCanary,
    BeginCanary,
    CancelDeployment,
    DeployMessage,
    PromoteCanary,
    RequestDeployment,
    RestartApp,
    RollBack,
    SetMaintenance,
    StopApp,
)
from deployd.messages.log import LogMessage
from deployd.messages.proxy import AskTraffic, PauseTraffic, ProxyMessage, ResumeTraffic
from deployd.ports.stores import Stores
from deployd.settings.declared import Declared
from deployd.stores.database import Database
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.support.log_lines import put
from tests.support.telegram_api import TOKEN, TelegramApi, telegram_api

EventData = dict[str, str | int | float | bool | None]
ANN, BEN, STRANGER = 11, 22, 99
CLOCK = SystemClock()
QUICK = Pace(edit_seconds=0.02, look_seconds=0.02, retry=Backoff(first_seconds=0.02, cap_seconds=0.1))


class DeployDesk(Actor[DeployMessage]):
    expected = (DeploydError,)

    def __init__(self, ref: Ref[DeployMessage], stores: Stores, orders: list[DeployMessage]) -> None:
        super().__init__(ref)
        self._stores = stores
        self._orders = orders
        self._journal = journal_of(stores)

    async def handle(self, message: DeployMessage) -> object:
        self._orders.append(message)
        match message:
            case RequestDeployment(app=app, trigger=trigger, by=by, ref=ref, canary=rule):
                return await self._begin(app, trigger, by, ref, None, rule)
            case RollBack(app=app, by=by, release=release):
                return await self._begin(app, Trigger.ROLLBACK, by, None, release)
            case RestartApp(app=app, by=by):
                return await self._begin(app, Trigger.RESTART, by, None, 1)
            case CancelDeployment(deployment=deployment):
                await self._journal.end(DeploymentId(deployment), Outcome.CANCELLED, "Cancelled on request.")
                return await self._stores.deployments.get(deployment)
            case BeginCanary(app=app, by=by, rule=rule, release=release):
                return await self._begin(app, Trigger.CANARY, by, None, release or 2, rule)
            case PromoteCanary(app=app, by=by):
                return await self._begin(app, Trigger.PROMOTE, by, None, 2)
            case SetMaintenance(app=app, text=text):
                changed = msgspec.structs.replace(await self._stores.apps.get(app), maintenance=text)
                await self._stores.apps.put(changed)
                return changed
            case StopApp() | AbortCanary():
                return None
            case _:
                raise AssertionError(message)

    async def _begin(
        self,
        app: str,
        trigger: Trigger,
        by: str,
        ref: str | None,
        release: int | None,
        canary: CanaryRule | None = None,
    ) -> Deployment:
        name = (await self._stores.apps.get(app)).name
        now = CLOCK.now_ms()
        deployment = Deployment(
            id=DeploymentId(new_id("dep", now)),
            app=name,
            trigger=trigger,
            by=by,
            stage=Stage.QUEUED,
            requested_ms=now,
            ref=ref,
            release=release,
            canary=canary,
        )
        await self._journal.begin(deployment)
        return deployment


class ProxyDesk(Actor[ProxyMessage]):
    """Says what the test wrote into `traffic`."""

    def __init__(self, ref: Ref[ProxyMessage], world: "World") -> None:
        super().__init__(ref)
        self._world = world

    async def handle(self, message: ProxyMessage) -> object:
        match message:
            case AskTraffic():
                return self._world.traffic
            case PauseTraffic():
                self._world.proxied.append(message)
            case ResumeTraffic():
                self._world.proxied.append(message)
                return HoldReport(held=3, longest_seconds=1.25)
            case _:
                raise AssertionError(message)
        return None


class World:
    def __init__(self, api: TelegramApi, stores: Stores, logs: SqliteLogStore, database: Database) -> None:
        self.api = api
        self.stores = stores
        self.logs = logs
        self.database = database
        self.orders: list[DeployMessage] = []
        self.journal = journal_of(stores)
        self.bot: Ref[BotMessage] = Ref("bot")
        self.deploy: Ref[DeployMessage] = Ref("deploy")
        self.proxy: Ref[ProxyMessage] = Ref("proxy")
        self.traffic = Traffic(release=None)
        self.proxied: list[ProxyMessage] = []
        self.failures: asyncio.Queue[ActorFailure] = asyncio.Queue()
        self.supervisor = Supervisor("nothing", [])
        self.warnings = Problems()
        self.declared = Declared()
        self.paused: list[str] = []

    @asynccontextmanager
    async def running(
        self, *, pace: Pace = QUICK, token: str = TOKEN, url_of: Callable[[str], str] = "https://{}".format
    ) -> AsyncIterator[None]:
        """The test fails when an actor crashed, unless it took the failure out of `failures`."""
        reads = BotReads(
            stores=self.stores,
            logs=self.logs,
            clock=CLOCK,
            base_domain="example.com",
            url_of=url_of,
            proxy=self.proxy,
            declared=self.declared,
            paused=lambda: self.paused,
        )

        def build(ref: Ref[BotMessage]) -> BotActor:
            return BotActor(
                ref,
                lambda: connect(Secret(token), self.api.url),
                self.deploy,
                self.proxy,
                reads,
                self.stores.events,
                frozenset({ANN, BEN}),
                CLOCK,
                self.warnings,
                pace,
            )

        self.supervisor = Supervisor(
            "bot test",
            [
                ChildSpec(ref=self.deploy, build=lambda ref: DeployDesk(ref, self.stores, self.orders)),
                ChildSpec(ref=self.proxy, build=lambda ref: ProxyDesk(ref, self)),
                ChildSpec(ref=self.bot, build=build, give_up=GiveUp.PARK),
            ],
            backoff=Backoff(first_seconds=0.01, cap_seconds=0.01),
            budget=Budget(restarts=1),
            report=self.failures.put_nowait,
        )
        await self.supervisor.start()
        try:
            yield
        finally:
            left = await self.supervisor.stop()
        assert left == ()
        if not self.failures.empty():
            raise self.failures.get_nowait().crash.error

    async def status(self) -> BotStatus:
        return await self.bot.ask(AskBotStatus(), 5.0)

    async def status_when(self, holds: Callable[[BotStatus], bool], seconds: float = 5.0) -> BotStatus:
        """Asks until it holds; AssertionError when it does not in time."""
        status, end = await self.status(), CLOCK.monotonic() + seconds
        while not holds(status):
            assert CLOCK.monotonic() < end, f"still {status}"
            status = await self.status()
        return status

    async def add_app(self, name: str = "shop") -> AppName:
        app = App(name=AppName(name), settings=AppSettings(repo="file:///srv/shop.git"), created_ms=CLOCK.now_ms())
        await self.stores.apps.put(app)
        return app.name

    async def add_releases(self, app: AppName, count: int) -> None:
        """The last one serves."""
        for number in range(count):
            commit = f"{number:040x}"
            plan = BuildPlan(builder="static", why="a test")
            await self.stores.releases.add(app, "a" * 64, commit, "A change", plan, 0, CLOCK.now_ms())
        target = Address(host="127.0.0.1", port=9)
        await self.stores.routes.put(Route(app=app, hosts=(f"{app}.example.com",), release=count, targets=(target,)))

    async def add_canary(self, app: AppName, deployment: DeploymentId, percent: float = 5.0) -> None:
        """Of v2, beside a live v1."""
        await self.add_releases(app, 2)
        canary = CanaryRoute(canary=Canary(release=2, percent=percent), deployment=deployment)
        await self.stores.routes.put(Route(app=app, hosts=(f"{app}.example.com",), release=1, canary=canary))

    async def ran_canary(self, app: AppName) -> Deployment:
        """A deployment that ended as a canary, which runs."""
        order = BeginCanary(app=app, by="root", rule=CanaryRule(percent=5.0), release=2)
        deployment = await self.deploy.ask(order, 5.0)
        await self.add_canary(app, deployment.id)
        await self.journal.end(deployment.id, Outcome.CANARY)
        return deployment

    async def add_lines(self, app: AppName, *texts: str, deployment: str | None = None) -> None:
        source = Source.APP if deployment is None else Source.BUILD
        now = CLOCK.now_ms()
        lines = [NewLine(app=app, time_ms=now, source=source, text=text, deployment=deployment) for text in texts]
        await put(self.logs, lines)

    async def only_deployment(self, app: AppName) -> Deployment:
        (deployment,) = await self.stores.deployments.of_app(app, 10)
        return deployment

    async def move(self, deployment: DeploymentId, *stages: Stage) -> None:
        for stage in stages:
            async with self.journal.stage(deployment, stage, 5.0):
                pass

    async def crash(self, app: AppName, process: str = "web.1", last_lines: str = "") -> None:
        await self.journal.note(
            EventType.INSTANCE_CRASHED,
            app,
            "ins-1",
            {"process": process, "release": 3, "exit": "exited with code 7", "last_lines": last_lines},
        )


def journal_of(stores: Stores) -> Journal:
    log: Ref[LogMessage] = Ref("log")  # nobody reads it: what the log shows is not at stake here
    return Journal(stores.deployments, stores.events, log, CLOCK)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        database = await SqliteDatabase.open(folder / "deployd.db")
        stack.push_async_callback(database.close)
        logs = await SqliteLogStore.open(folder / "logs.db")
        stack.push_async_callback(logs.close)
        api = await stack.enter_async_context(telegram_api())
        yield World(api, open_stores(database, MasterKey.load(folder / "master.key")), logs, database)
