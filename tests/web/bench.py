"""A desk with real stores, a real LogActor and a DeployActor that does as the test says, served on real sockets."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from actors.logs import LogActor
from deployd.domain.app import App, AppSettings, check_settings, checked_name, with_ascii_domains
from deployd.domain.deployment import Deployment, Outcome, Stage, SwitchReport, Trigger
from deployd.domain.env import Environment
from deployd.domain.errors import DeploydError, StateConflict, UserMistake
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName, DeploymentId, EventId, new_id
from deployd.domain.log_line import Level, NewLine, Source
from deployd.domain.route import Address
from deployd.doors import Doors
from deployd.kernel.actor import Actor
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.logs.redaction import Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.deploy import (
    AbortCanary,
    BeginCanary,
    CancelDeployment,
    ChangeEnv,
    DeployMessage,
    PromoteCanary,
    PutApp,
    PutApps,
    RemoveApp,
    RequestDeployment,
    RestartApp,
    RollBack,
    SetMaintenance,
    StopApp,
)
from deployd.messages.log import AppendLines, LogMessage, OpenTail
from deployd.messages.proxy import ProxyMessage
from deployd.ports.stores import Stores
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database
from deployd.stores.events import SqlEventFeed, SqlEventLog
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.support.actor_runner import running
from web.desk import Desk
from web.server import WebServer
from web.vitals import Vitals

CLOCK = SystemClock()


class WatchedEventLog(SqlEventLog):
    """Lets a test wait until somebody listens."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, BrokenRows())
        self.subscribed = asyncio.Event()

    def subscribe(self) -> SqlEventFeed:
        self.subscribed.set()
        return super().subscribe()


class ScriptedDeployActor(Actor[DeployMessage]):
    """Writes the rows that the real one would write, and builds nothing; `orders` remembers what it was told."""

    expected = (DeploydError,)

    def __init__(self, ref: Ref[DeployMessage], stores: Stores, orders: list[DeployMessage]) -> None:
        super().__init__(ref)
        self._stores = stores
        self._orders = orders

    async def handle(self, message: DeployMessage) -> object:
        self._orders.append(message)
        match message:
            case PutApp():
                return await self._put(message)
            case PutApps(orders=orders):
                self._orders.extend(orders)
                return tuple([await self._put_or_error(order) for order in orders])
            case RemoveApp(app=app):
                await self._stores.apps.remove((await self._stores.apps.get(app)).name)
            case StopApp(app=app):
                await self._stores.apps.get(app)
            case SetMaintenance(app=app, text=text):
                changed = msgspec.structs.replace(await self._stores.apps.get(app), maintenance=text)
                await self._stores.apps.put(changed)
                return changed
            case ChangeEnv():
                return await self._change_env(message)
            case CancelDeployment(deployment=deployment):
                return await self._cancel(deployment)
            case AbortCanary(app=app):
                await self._stores.apps.get(app)
            case _:
                return await self._deploy(message)
        return None

    async def _deploy(self, message: DeployMessage) -> Deployment:
        match message:
            case RequestDeployment(ref=ref, canary=canary):
                return await self._queue(message.app, message.trigger, message.by, ref=ref, canary=canary)
            case BeginCanary(release=release, rule=rule):
                return await self._queue(message.app, Trigger.CANARY, message.by, release=release, canary=rule)
            case PromoteCanary():
                return await self._queue(message.app, Trigger.PROMOTE, message.by)
            case RollBack(release=release):
                return await self._queue(message.app, Trigger.ROLLBACK, message.by, release=release)
            case RestartApp():
                return await self._queue(message.app, message.trigger, message.by)
            case _:
                raise AssertionError(f"not scripted: {message}")

    async def _put_or_error(self, order: PutApp) -> App | DeploydError:
        try:
            return await self._put(order)
        except DeploydError as error:
            return error

    async def _put(self, order: PutApp) -> App:
        name = checked_name(order.name)
        check_settings(name, with_ascii_domains(order.settings))
        if order.create_only and name in [app.name for app in await self._stores.apps.all()]:
            raise UserMistake(f"There is an app {name!r} already.")
        settings = with_ascii_domains(order.settings)
        apps = await self._stores.apps.all()
        for other in apps:
            if other.name != name and set(other.settings.domains) & set(settings.domains):
                raise UserMistake(f"App {other.name!r} has one of the hosts {', '.join(settings.domains)}.")
        before = next((app for app in apps if app.name == name), None)
        app = App(name=name, settings=settings, created_ms=CLOCK.now_ms(), login=order.login_after(before))
        await self._stores.apps.put(app)
        return app

    async def _change_env(self, order: ChangeEnv) -> Environment:
        app = await self._stores.apps.get(order.app)
        values = await self._stores.envs.layer(app.name, order.layer) | dict(order.put)
        kept = {key: value for key, value in values.items() if key not in order.remove}
        return await self._stores.envs.write(app.name, order.layer, kept, CLOCK.now_ms())

    async def _cancel(self, deployment: str) -> Deployment:
        row = await self._stores.deployments.get(deployment)
        if not await self._stores.deployments.end(row.id, Outcome.CANCELLED, "cancelled", CLOCK.now_ms()):
            raise StateConflict(f"{deployment} has ended already.")
        return await self._stores.deployments.get(deployment)

    async def _queue(self, app: str, trigger: Trigger, by: str, **facts: Any) -> Deployment:
        known = await self._stores.apps.get(app)
        deployment = Deployment(
            id=DeploymentId(new_id("dep", CLOCK.now_ms())),
            app=known.name,
            trigger=trigger,
            by=by,
            stage=Stage.QUEUED,
            requested_ms=CLOCK.now_ms(),
            **facts,
        )
        await self._stores.deployments.add(deployment)
        return deployment


@dataclass
class Bench:
    """`problems` and `paused` may be filled by the test; `subscribed` is set once somebody listens to events."""

    desk: Desk
    server: WebServer
    stores: Stores
    socket_path: Path
    orders: list[DeployMessage]
    problems: list[str]
    paused: list[str]
    subscribed: asyncio.Event

    @property
    def admin(self) -> str:
        return f"http://{self.server.admin_address}"

    async def add_app(self, name: str = "shop", **settings: Any) -> App:
        given = AppSettings(**({"repo": "https://example.com/shop.git"} | settings))
        return await self.desk.deploy.ask(PutApp(name=name, settings=given), 5)

    async def add_deployment(self, app: str = "shop") -> Deployment:
        return await self.desk.deploy.ask(RequestDeployment(app=app, trigger=Trigger.API, by="test"), 5)

    async def move(self, deployment: DeploymentId, frm: Stage, to: Stage) -> None:
        await self.stores.deployments.move(deployment, frm, to, CLOCK.now_ms())
        await self._record(EventType.DEPLOYMENT_MOVED, deployment)

    async def end(self, deployment: DeploymentId, outcome: Outcome, reason: str | None = None) -> None:
        if outcome is Outcome.LIVE:
            await self.stores.deployments.note_release(deployment, 1)
            await self.stores.deployments.note_switch(deployment, SwitchReport(served_by_new=3))
        await self.stores.deployments.end(deployment, outcome, reason, CLOCK.now_ms())
        await self._record(EventType.DEPLOYMENT_ENDED, deployment)

    async def say(self, text: str, app: str = "shop", level: Level = Level.INFO, deployment: str | None = None) -> None:
        """Returns when the line is stored and shown."""
        tail = await self.desk.log.ask(OpenTail(app=AppName(app)), 5)
        line = NewLine(
            app=AppName(app), time_ms=CLOCK.now_ms(), source=Source.BUILD, text=text, level=level, deployment=deployment
        )
        self.desk.log.tell(AppendLines(lines=(line,)))
        await tail.next_batch()
        tail.close()

    async def _record(self, kind: EventType, deployment: DeploymentId) -> None:
        row = await self.stores.deployments.get(deployment)
        await self.stores.events.record(
            Event(
                id=EventId(new_id("evt", CLOCK.now_ms())),
                type=kind,
                time_ms=CLOCK.now_ms(),
                subject=deployment,
                app=row.app,
                correlation=deployment,
            )
        )


@asynccontextmanager
async def serving(folder: Path, control_host: str | None = None) -> AsyncIterator[Bench]:
    database = await SqliteDatabase.open(folder / "deployd.db")
    logs = await SqliteLogStore.open(folder / "logs.db")
    events = WatchedEventLog(database)
    stores = msgspec.structs.replace(open_stores(database, MasterKey.load(folder / "master.key")), events=events)
    deploy: Ref[DeployMessage] = Ref("deploy")
    log: Ref[LogMessage] = Ref("log")
    orders: list[DeployMessage] = []
    problems: list[str] = []
    paused: list[str] = []
    desk = Desk(
        deploy=deploy,
        proxy=Ref[ProxyMessage]("proxy"),
        log=log,
        stores=stores,
        logs=logs,
        clock=CLOCK,
        base_domain="test",
        version="9.9.9",
        control_host=control_host,
        vitals=Vitals(
            problems=lambda: problems,
            paused=lambda: paused,
            outcomes=lambda: {Outcome.LIVE: 7},
            proxy=lambda: {"requests_total": 12, "connections": 3},
            logs=lambda: {"lines_total": 5, "viewers": 2},
        ),
    )
    doors = Doors()
    server = WebServer(desk, doors=doors, admin=Address(host="127.0.0.1", port=0), socket_path=folder / "deployd.sock")
    try:
        async with (
            running(lambda ref: LogActor(ref, logs, CLOCK, Redactor()), log),
            running(lambda ref: ScriptedDeployActor(ref, stores, orders), deploy),
        ):
            await server.start()
            try:
                yield Bench(desk, server, stores, folder / "deployd.sock", orders, problems, paused, events.subscribed)
            finally:
                await server.stop()
    finally:
        doors.close()
        await logs.close()
        await database.close()


class Client:
    """JSON requests to one edge; answers are (status, body, headers)."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> "Answer":
        named = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        sent = None if body is None else io.BytesIO(msgspec.json.encode(body))
        async with self._session.request(method, self._base + path, data=sent, headers=named) as response:
            text = await response.text()
            is_json = response.content_type.endswith("json")
            return Answer(response.status, await response.json(content_type=None) if is_json else text, response)


@dataclass
class Answer:
    status: int
    body: Any
    response: aiohttp.ClientResponse


@asynccontextmanager
async def over_socket(path: Path) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        yield Client(session, "http://localhost")


@asynccontextmanager
async def over_tcp(base: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, base)
