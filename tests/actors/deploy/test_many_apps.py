"""Twice as many apps cost twice as much and not four times: what is read and written is counted, not timed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from actors.config import ConfigActor
from actors.deploy import DeployActor
from actors.proxy import ProxyActor
from deployd.config import AppConfig, Config
from deployd.domain.app import App, AppSettings
from deployd.domain.env import EnvLayer, EnvValue
from deployd.domain.errors import UserMistake
from deployd.domain.event import EventType
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.kernel.clock import SystemClock
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.messages.config import ConfigEdited, ConfigMessage
from deployd.messages.deploy import DeployMessage, PutApp, PutApps
from deployd.messages.proxy import ProxyMessage
from deployd.proxy.proxy import Proxy
from deployd.settings.declared import Declared
from deployd.stores.database import Row, Statement, Value
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.actors.deploy.partial_tools import partial_tools
from tests.actors.test_config import Readings
from tests.deployd.proxy.rig import no_control
from tests.support.actor_runner import running

UPSTREAM = "127.0.0.1:9"


class CountedDatabase:
    """`work` is the rows that were read and the statements that were run."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self.close = database.close
        self.work = 0

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        rows = await self._database.fetch(sql, *args)
        self.work += 1 + len(rows)
        return rows

    async def fetch_one(self, sql: str, *args: Value) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        self.work += len(statements)
        return await self._database.transact(*statements)


class House:
    """ConfigActor, DeployActor and ProxyActor over a database that counts, and a proxy that serves nobody."""

    def __init__(self, database: SqliteDatabase, proxy: Proxy) -> None:
        self.database = CountedDatabase(database)
        self.plane = proxy
        self.stores = open_stores(self.database, MasterKey(bytes(32)))
        self.proxy: Ref[ProxyMessage] = Ref("proxy", 10_000)
        self.deploy: Ref[DeployMessage] = Ref("deploy")
        self.tools = partial_tools(self.stores, SystemClock(), proxy=self.proxy)

    @asynccontextmanager
    async def started(self, *readings: Config) -> AsyncIterator[Ref[ConfigMessage]]:
        """As at a start of deployd that finds `readings[0]`; each edit finds the next one."""
        config: Ref[ConfigMessage] = Ref("config")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                running(lambda ref: ProxyActor(ref, self.plane, self.stores.routes), self.proxy)
            )
            await stack.enter_async_context(running(lambda ref: DeployActor(ref, self.tools), self.deploy))
            await stack.enter_async_context(running(lambda ref: self._config_actor(ref, *readings), config))
            yield config

    def _config_actor(self, ref: Ref[ConfigMessage], *readings: Config) -> ConfigActor:
        stores = self.stores
        return ConfigActor(
            ref,
            Readings(*readings),
            readings[0],
            stores.apps,
            stores.deployments,
            self.deploy,
            self.tools.journal,
            Problems(),
            Declared(),
        )

    async def applied(self) -> int:
        """The work until the file was applied once more."""
        before, feed = self.database.work, self.stores.events.subscribe()
        try:
            while (await feed.next()).type not in (EventType.CONFIG_APPLIED, EventType.CONFIG_REFUSED):
                pass
        finally:
            feed.close()
        return self.database.work - before


@asynccontextmanager
async def _house(folder: Path) -> AsyncIterator[House]:
    proxy = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)
    database = await SqliteDatabase.open(folder / "deployd.db")
    try:
        yield House(database, proxy)
    finally:
        await proxy.close(0)
        await database.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with _house(tmp_path) as house:
        yield house


def declared(count: int) -> Config:
    return Config(apps={f"app-{number}": AppConfig(upstream=UPSTREAM) for number in range(count)})


async def _work(folder: Path, count: int) -> tuple[int, int, int]:
    """Of the first start with so many apps, of one more by an edit, and of the start after that."""
    async with _house(folder) as house:
        async with house.started(declared(count), declared(count + 1)) as config:
            first = await house.applied()
            assert house.plane.owner_of(f"app-{count - 1}.test") == f"app-{count - 1}"
            config.tell(ConfigEdited())
            one_more = await house.applied()
            assert house.plane.owner_of(f"app-{count}.test") == f"app-{count}"
        before = house.database.work
        async with house.started(declared(count + 1)):
            await house.applied()
        return first, one_more, house.database.work - before


async def test_the_work_for_twice_as_many_apps_is_twice_as_much(tmp_path: Path) -> None:
    some, twice = await _work(tmp_path / "some", 110), await _work(tmp_path / "twice", 220)
    first, one_more, again = (more / less for less, more in zip(some, twice, strict=True))
    assert first < 2.1
    assert again < 2.1
    assert one_more < 2.1
    assert twice[1] < 3 * 220  # Each app is looked at, and only one is worked on.


async def test_of_many_that_are_put_each_is_for_itself(house: House) -> None:
    def an_order(name: str, **settings: object) -> PutApp:
        return PutApp(name=name, settings=AppSettings(**{"upstream": UPSTREAM, **settings}))  # type: ignore[arg-type]

    async with house.started(Config()):
        put = await house.deploy.ask(
            PutApps(
                orders=(
                    an_order("first", domains=("one.test",)),
                    an_order("Wrong"),
                    an_order("rival", domains=("one.test",)),
                    an_order("last"),
                )
            ),
            10,
        )
        assert [one.name if isinstance(one, App) else type(one) for one in put] == [
            "first",
            UserMistake,
            UserMistake,
            "last",
        ]
        assert str(put[2]).startswith("The host 'one.test' belongs to app 'first'")
        assert [app.name for app in await house.stores.apps.all()] == ["first", "last"]
        assert house.plane.owner_of("one.test") == "first"
        assert house.plane.owner_of("last.test") == "last"


async def test_putting_what_is_there_already_writes_nothing(house: House) -> None:
    env = {"KEY": EnvValue(value=Secret("value"), secret=False)}
    order = PutApp(name="shop", settings=AppSettings(upstream=UPSTREAM), env=env)
    async with house.started(Config()):
        for _ in range(2):
            await house.deploy.ask(order, 10)
            kinds = [event.type for event in await house.stores.events.recent(10)]
            assert kinds.count(EventType.APP_CREATED) == 1
            assert kinds.count(EventType.ENV_CHANGED) == 1
            assert EventType.APP_CHANGED not in kinds
        assert (await house.stores.envs.read(AppName("shop"))).version == 1
        assert await house.stores.envs.layer(AppName("shop"), EnvLayer.FILE) == env
