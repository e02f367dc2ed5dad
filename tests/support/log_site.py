"""A small site of the real log handlers, the real LogActor and the real store, for tests of streams and of the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from actors.logs import LogActor
from deployd.config import AppConfig
from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.edge import Canary
from deployd.domain.errors import NotFound
from deployd.domain.ids import SYSTEM_APP, AppName, DeploymentId
from deployd.domain.log_line import Level, NewLine
from deployd.domain.route import Address, CanaryRoute, Route
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.logs.figures import LogFigures
from deployd.logs.redaction import Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.log import AppendLines, LogMessage
from deployd.settings.declared import Declared
from tests.support.actor_runner import running
from web.problems import problems
from web.stream import LogStreams
from web.ui_files import page_routes
from web.views import AppList, AppView, app_view


class WatchedFigures(LogFigures):
    """Lets a test wait until the last viewer is gone."""

    def __init__(self) -> None:
        self.nobody = asyncio.Event()
        super().__init__()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "viewers":
            (self.nobody.clear if value else self.nobody.set)()


class LogSite:
    def __init__(self, log: Ref[LogMessage], store: SqliteLogStore, heartbeat_seconds: float) -> None:
        self.log = log
        self.store = store
        self.figures = WatchedFigures()
        self._heartbeat_seconds = heartbeat_seconds
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.apps = [an_app("blog"), an_app("shop")]
        self.deployments = {"dep-1": "shop", "dep-2": "shop"}
        self.broken: dict[str, str] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, *lines: NewLine) -> None:
        self.log.tell(AppendLines(lines=lines))

    async def start(self) -> None:
        """On the port it had before, after a stop."""
        self.streams = LogStreams(self.log, self._find, self._find_deployment, self._heartbeat_seconds)
        app = web.Application(middlewares=[problems])
        app.add_routes([*self.streams.routes(), *page_routes()])
        app.router.add_get("/api/v1/apps", self._apps)
        app.router.add_get("/api/v1/logs", self._lines)
        app.router.add_get("/api/v1/apps/{app}/logs", self._lines)
        app.router.add_get("/readyz", self._readyz)
        app.on_shutdown.append(self.streams.close)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _apps(self, request: web.Request) -> web.Response:
        listed = AppList(apps=self.apps, broken=self.broken)
        return web.Response(body=msgspec.json.encode(listed), content_type="application/json")

    async def _find(self, name: str) -> None:
        if name not in [app.name for app in self.apps]:
            raise NotFound(f"There is no app named {name!r}.")

    async def _find_deployment(self, deployment: str) -> Deployment:
        if deployment not in self.deployments:
            raise NotFound(f"There is no deployment {deployment!r}.")
        app = AppName(self.deployments[deployment])
        return Deployment(
            id=DeploymentId(deployment), app=app, trigger=Trigger.CLI, by="ann", stage=Stage.BUILDING, requested_ms=0
        )

    async def _lines(self, request: web.Request) -> web.Response:
        app, after = request.match_info.get("app"), request.query.get("after")
        if app is not None and app != SYSTEM_APP:
            await self._find(app)
        lines = await self.store.read(
            None if app is None else AppName(app),
            after=None if after is None else int(after),
            level=Level(request.query.get("level", Level.DEBUG)),
            limit=int(request.query.get("limit", 500)),
        )
        return web.Response(body=msgspec.json.encode({"lines": lines}), content_type="application/json")

    async def _readyz(self, request: web.Request) -> web.Response:
        said = {"problems": self.problems, "warnings": self.warnings}
        return web.json_response(said, status=503 if self.problems else 200)


def an_app(
    name: str,
    *,
    maintenance: str | None = None,
    canary: Canary | None = None,
    closed_because: str | None = None,
    failed: bool = False,
    declared: AppConfig | None = None,
) -> AppView:
    """As the API tells it; `failed`: its last deployment; `declared`: its table in deployd.toml."""
    app = App(name=AppName(name), settings=AppSettings(repo="/srv/repo"), created_ms=0, maintenance=maintenance)
    former, last = DeploymentId("dep-1"), DeploymentId("dep-2")
    route = Route(
        app=app.name,
        hosts=(f"{name}.test",),
        release=1,
        targets=() if closed_because else (Address(host="127.0.0.1", port=1),),
        closed_because=closed_because,
        canary=CanaryRoute(canary=canary, deployment=last) if canary else None,
        deployment=former,
    )
    latest = Deployment(
        id=last, app=app.name, trigger=Trigger.CLI, by="ann", stage=Stage.ENDED, requested_ms=0,
        outcome=Outcome.FAILED if failed else Outcome.LIVE,
    )  # fmt: skip
    return app_view(app, (f"http://{name}.test/",), route, latest, Declared(apps={name: declared} if declared else {}))


@asynccontextmanager
async def log_site(folder: Path, heartbeat_seconds: float = 20.0) -> AsyncIterator[LogSite]:
    store = await SqliteLogStore.open(folder / "logs.db")
    ref: Ref[LogMessage] = Ref("log", capacity=100_000)
    site = LogSite(ref, store, heartbeat_seconds)
    try:
        async with running(lambda ref: LogActor(ref, store, SystemClock(), Redactor(), figures=site.figures), ref):
            await site.start()
            try:
                yield site
            finally:
                await site.stop()
    finally:
        await store.close()
