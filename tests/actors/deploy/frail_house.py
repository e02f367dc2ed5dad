"""A deployd of actors over a database that kills its process at a chosen write; LOOK starts again over what is left,
writes down what came of it (FOUND), and stops everything.

Release 1 answers well, release 2 with errors; both have a worker. What a scenario begins is killed at that write of its
decision, or ends well when there are fewer.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import aiohttp

from actors.deploy import DeployActor, DeployTools
from actors.journal import Journal
from actors.logs import LogActor
from actors.proxy import ProxyActor
from deployd.adapters.http_probe.probe import AiohttpProbe
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.config import DeployConfig
from deployd.domain.app import AppSettings
from deployd.domain.build import BuildPlan
from deployd.domain.deployment import Deployment, Outcome, Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import ProviderUnavailable
from deployd.domain.ids import AppName
from deployd.domain.route import Address
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, Supervisor
from deployd.logs.redaction import Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.deploy import (
    AbortCanary,
    BeginCanary,
    DeployMessage,
    PromoteCanary,
    PutApp,
    RestartApp,
    RollBack,
    StopApp,
)
from deployd.proxy.proxy import Proxy
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime
from deployd.stores.database import Database, Row, Statement, Value
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.deployd.proxy.rig import no_control

SHOP = AppName("shop")
LOOK = "look"
FOUND = "found.json"
_SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response({status} if self.path != "/up" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"v{number}")
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def back_to(release: int) -> RollBack:
    return RollBack(app=SHOP, release=release, trigger=Trigger.ROLLBACK, by="tests")


class FrailDatabase:
    """Once `left` is set, so many writes are made; then the process is gone. While it is `full`, none is made.

    Each takes `slow_seconds`.
    """

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.left: int | None = None
        self.slow_seconds = 0.0
        self.full = asyncio.Event()
        self.refused = asyncio.Event()

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        return await self._inner.fetch(sql, *args)

    async def fetch_one(self, sql: str, *args: Value) -> Row | None:
        return await self._inner.fetch_one(sql, *args)

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        if self.full.is_set():
            self.refused.set()
            raise ProviderUnavailable("The database cannot be written now: database or disk is full.")
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(self.slow_seconds)
        return await self._inner.transact(*statements)

    async def close(self) -> None:
        await self._inner.close()


class House:
    def __init__(self, folder: Path, watch_seconds: float) -> None:
        self.folder = folder
        self.watch_seconds = watch_seconds
        self.deploy: Ref[DeployMessage] = Ref("deploy")
        self.port = 0

    async def open(self, stack: AsyncExitStack) -> None:
        nobody, clock, folder = cast(Any, None), SystemClock(), self.folder
        self.database = FrailDatabase(await SqliteDatabase.open(folder / "deployd.db"))
        stack.push_async_callback(self.database.close)
        self.stores = stores = open_stores(self.database, MasterKey(bytes(32)))
        self.logs = logs = await SqliteLogStore.open(folder / "logs.db")
        stack.push_async_callback(logs.close)
        (folder / "instances").mkdir(exist_ok=True)
        self.runtime = runtime = ProcessRuntime(folder / "instances", clock)
        stack.callback(runtime.close)
        output = InotifyOutputReader()
        stack.callback(output.close)
        health = AiohttpProbe()
        stack.push_async_callback(health.close)
        plane = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)
        stack.push_async_callback(plane.close, 0)
        self.port = await plane.listen("127.0.0.1", 0)
        log, proxy, redactor = Ref[Any]("log"), Ref[Any]("proxy"), Redactor()
        tools = DeployTools(
            stores=stores,
            logs=logs,
            sources=nobody,
            artifacts=LocalArtifacts(folder / "artifacts", ()),
            runtime=runtime,
            toolchains=_NoTools(),
            output=output,
            health=health,
            journal=Journal(stores.deployments, stores.events, log, clock),
            clock=clock,
            config=DeployConfig(drain_seconds=2, watch_seconds=self.watch_seconds),
            releases_folder=folder / "releases",
            caches_folder=folder / "caches",
            base_domain="test",
            control_hosts=frozenset(),
            front=lambda: Address(host="127.0.0.1", port=self.port),
            door_pass=plane.door_pass,
            proxy=proxy,
            build=Ref("build"),
            log=log,
            redact=redactor.redact,
        )
        supervisor = Supervisor(
            "house",
            [
                ChildSpec(ref=log, build=lambda ref: LogActor(ref, logs, clock, redactor)),
                ChildSpec(ref=proxy, build=lambda ref: ProxyActor(ref, plane, stores.routes)),
                ChildSpec(ref=self.deploy, build=lambda ref: DeployActor(ref, tools)),
            ],
        )
        await supervisor.start()
        stack.push_async_callback(supervisor.stop)

    async def furnish(self) -> None:
        """Two releases as builds would have left them; the first is live."""
        settings = AppSettings(repo="https://git.test/shop.git", health="/up")
        await self.deploy.ask(PutApp(name=SHOP, settings=settings, create_only=True), 5)
        plan = BuildPlan(builder="test", why="a test", processes={"web": "exec python3 main.py", "jobs": "sleep 600"})
        for number, status in ((1, 200), (2, 500)):
            await self.stores.releases.add(SHOP, f"art{number}", "c" * 40, f"v{number}", plan, 0, number)
            root = self.folder / "releases" / SHOP / str(number)
            root.mkdir(parents=True)
            (root / "main.py").write_text(_SERVER.format(number=number, status=status))
        first = await self.roll_out(back_to(1))
        assert first.outcome is Outcome.LIVE, first.reason

    async def roll_out(self, order: Any) -> Deployment:
        asked: Deployment = await self.deploy.ask(order, 10)
        return await self.ended(asked)

    async def ended(self, asked: Deployment) -> Deployment:
        while not (now := await self.stores.deployments.get(asked.id)).ended:
            await asyncio.sleep(0.02)
        return now

    async def ask(self, **headers: str) -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/", headers={"Host": "shop.test", **headers}) as answer,
        ):
            return await answer.text()

    async def until_logged(self, app: AppName, words: str) -> None:
        """Until a line has them."""
        async with asyncio.timeout(30):
            while not any(words in line.text for line in await self.logs.read(app)):
                await asyncio.sleep(0.02)

    async def close_shop(self) -> None:
        """Nothing of it runs any more."""
        await self.deploy.ask(StopApp(app=SHOP, by="tests"), 60)

    async def quiet(self) -> None:
        """Until all of the live release and of a canary runs, and nothing else does or is to be done."""
        while True:
            route = await self.stores.routes.get(SHOP)
            wanted = 3 if route is not None and route.canary is not None else 2
            states = [one.state for one in await self.stores.instances.of_app(SHOP)]
            if states == ["running"] * wanted and not await self.stores.deployments.unfinished():
                return
            await asyncio.sleep(0.02)


class _NoTools:
    async def provide(self, *_: object) -> tuple[()]:
        return ()

    def programs(self, _: object) -> tuple[()]:
        return ()

    def env(self, _: object) -> dict[str, str]:
        return {}

    async def keep_only(self, _: object) -> int:
        return 0


# What is decided in each scenario: everything up to the decision is done, then the writes are counted.

Begin = Callable[[House, int], Awaitable[None]]


async def swap_back(house: House, number: int) -> None:
    await house.roll_out(back_to(2))
    house.database.left = number
    for _ in range(12):
        await house.ask()
    await house.quiet()


async def roll_back_warm(house: House, number: int) -> None:
    await house.roll_out(back_to(2))
    house.database.left = number
    await house.roll_out(back_to(1))


async def begun(house: House) -> None:
    await house.roll_out(BeginCanary(app=SHOP, by="tests", rule=CanaryRule(header="X-Canary: 1"), release=2))


async def begin(house: House, number: int) -> None:
    house.database.left = number
    await begun(house)


async def abort(house: House, number: int) -> None:
    await begun(house)
    house.database.left = number
    await house.deploy.ask(AbortCanary(app=SHOP, by="tests"), 20)


async def promote(house: House, number: int) -> None:
    await begun(house)
    house.database.left = number
    await house.roll_out(PromoteCanary(app=SHOP, by="tests"))


async def restart(house: House, number: int) -> None:
    house.database.left = number
    await house.roll_out(RestartApp(app=SHOP, trigger=Trigger.RESTART, by="tests"))


SCENARIOS: dict[str, Begin] = {one.__name__: one for one in (swap_back, roll_back_warm, begin, abort, promote, restart)}


async def look(house: House) -> dict[str, Any]:
    """Waits until the live release is whole again, and says what there is then."""
    try:
        async with asyncio.timeout(20):
            await house.quiet()
            while any(" sh " in line for line in processes_below(house.folder)):  # It is running, but has yet to begin.
                await asyncio.sleep(0.02)
            while (answer := await house.ask()) not in ("v1", "v2"):
                await asyncio.sleep(0.02)
    except TimeoutError:
        answer = "nothing came of it"
    route = await house.stores.routes.get(SHOP)
    assert route is not None
    found = {
        "release": route.release,
        "canary": route.canary is not None,
        "answer": answer,
        "to_canary": await house.ask(**{"X-Canary": "1"}),
        "deployments": [
            [one.trigger, one.release, one.outcome, one.reason]
            for one in reversed(await house.stores.deployments.of_app(SHOP, 50))
        ],
        "instances": sorted([one.release, one.process, one.state] for one in await house.stores.instances.of_app(SHOP)),
        "processes": processes_below(house.folder),
        "outputs": sorted(file.stem for file in (house.folder / "instances").iterdir()),
        "ids": sorted(one.id for one in await house.stores.instances.of_app(SHOP)),
    }
    await house.close_shop()
    return found


def processes_below(folder: Path) -> list[str]:
    """Whatever runs in the folder of a release: `1 python3 PID`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = Path(os.readlink(entry / "cwd"))
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if where.is_relative_to(folder / "releases"):
                found.append(f"{where.name} {Path(command[0].decode()).name} {entry.name}")
    return sorted(found)


async def live(folder: Path, what: str, number: int) -> None:
    house = House(folder, 0 if what == LOOK else 600)
    async with AsyncExitStack() as stack:
        await house.open(stack)
        if what == LOOK:
            (folder / FOUND).write_text(json.dumps(await look(house)))
            return
        await house.furnish()
        await SCENARIOS[what](house, number)


def run(folder: Path, what: str, number: int) -> None:
    """In a process of its own, which does not survive the NUMBERth write."""
    asyncio.run(live(folder, what, number))
