"""ProxyActor: what it serves before anybody told it anything, and what a pause through it does."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from actors.proxy import ProxyActor
from deployd.domain.edge import EdgeSettings
from deployd.domain.errors import ProviderUnavailable, StateConflict
from deployd.domain.route import Address, Route
from deployd.kernel.ref import Ref
from deployd.messages.proxy import AnnounceApp, PauseTraffic, ProxyMessage, RemoveRoute, ResumeTraffic, SwitchTraffic
from deployd.ports.route_store import RouteStore
from deployd.ports.stores import Stores
from deployd.proxy.proxy import Proxy
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.contracts.samples import SHOP, an_app
from tests.deployd.proxy.rig import no_control
from tests.support.actor_runner import running

ROUTE = Route(app=SHOP, hosts=("shop.test",), release=3, targets=(Address(host="127.0.0.1", port=9),))


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    database = await SqliteDatabase.open(tmp_path / "deployd.db")
    stores = open_stores(database, MasterKey(bytes(32)))
    await stores.apps.put(an_app())
    yield stores
    await database.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)
    yield proxy
    await proxy.close(0)


@pytest.mark.parametrize(
    ("route", "status", "text"),
    [
        (ROUTE, 503, "This app is starting."),
        (Route(app=SHOP, hosts=ROUTE.hosts, release=3, targets=ROUTE.targets, maintenance="Back at ten."), 503, "ten"),
        (
            Route(app=SHOP, hosts=ROUTE.hosts, release=3, targets=ROUTE.targets, edge=EdgeSettings(allow=("::1",))),
            403,
            "not among those",
        ),
    ],
)
async def test_an_app_that_is_not_adopted_yet_has_its_door_already(
    stores: Stores, proxy: Proxy, route: Route, status: int, text: str
) -> None:
    await stores.routes.put(route)
    ref: Ref[ProxyMessage] = Ref("proxy")
    async with running(lambda ref: ProxyActor(ref, proxy, stores.routes), ref), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{await proxy.listen('127.0.0.1', 0)}/"
        async with session.get(url, headers={"Host": "shop.test"}) as answer:
            assert answer.status == status
            assert text in await answer.text()


class CountedRoutes:
    """Counts how often a row was written."""

    def __init__(self, store: RouteStore) -> None:
        self.get, self.all, self.listed, self.remove = store.get, store.all, store.listed, store.remove
        self._store = store
        self.puts = 0
        self.fails = False

    async def put(self, route: Route) -> None:
        self.puts += 1
        if self.fails:
            raise ProviderUnavailable("The disk is full.")
        await self._store.put(route)


async def test_what_is_served_and_written_already_is_not_written_again(stores: Stores, proxy: Proxy) -> None:
    routes, ref = CountedRoutes(stores.routes), Ref[ProxyMessage]("proxy")
    upstream = Route(app=SHOP, hosts=ROUTE.hosts, targets=ROUTE.targets)
    await stores.routes.put(upstream)
    async with running(lambda ref: ProxyActor(ref, proxy, routes), ref):
        for route, puts in ((upstream, 0), (ROUTE, 1), (ROUTE, 1), (upstream, 2)):
            await ref.ask(SwitchTraffic(route=route), 5)
            assert (routes.puts, await stores.routes.get(SHOP)) == (puts, route)


async def test_what_could_not_be_written_is_written_when_it_is_said_again(stores: Stores, proxy: Proxy) -> None:
    routes, ref = CountedRoutes(stores.routes), Ref[ProxyMessage]("proxy")
    async with running(lambda ref: ProxyActor(ref, proxy, routes), ref):
        routes.fails = True
        with pytest.raises(ProviderUnavailable):
            await ref.ask(SwitchTraffic(route=ROUTE), 5)
        routes.fails = False
        await ref.ask(SwitchTraffic(route=ROUTE), 5)
        assert await stores.routes.get(SHOP) == ROUTE


@pytest.mark.parametrize("between", [AnnounceApp(route=Route(app=SHOP, hosts=ROUTE.hosts)), RemoveRoute(app=SHOP)])
async def test_what_something_else_took_the_place_of_is_switched_to_again(
    stores: Stores, proxy: Proxy, between: ProxyMessage
) -> None:
    ref = Ref[ProxyMessage]("proxy")
    async with running(lambda ref: ProxyActor(ref, proxy, stores.routes), ref):
        await ref.ask(SwitchTraffic(route=ROUTE), 5)
        ref.tell(between)
        await ref.ask(SwitchTraffic(route=ROUTE), 5)
        assert proxy.traffic(SHOP).release == ROUTE.release
        assert await stores.routes.get(SHOP) == ROUTE


async def test_pause_and_resume_pass_through_the_mailbox(stores: Stores, proxy: Proxy) -> None:
    ref: Ref[ProxyMessage] = Ref("proxy")
    async with running(lambda ref: ProxyActor(ref, proxy, stores.routes), ref):
        with pytest.raises(StateConflict, match="no route"):
            await ref.ask(PauseTraffic(app=SHOP, seconds=1), 5)
        proxy.switch(ROUTE)
        await ref.ask(PauseTraffic(app=SHOP, seconds=1), 5)
        assert (await ref.ask(ResumeTraffic(app=SHOP), 5)).held == 0
