"""ProxyActor: what it serves before anybody told it anything, and what a pause through it does."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from actors.proxy import ProxyActor
from deployd.domain.edge import EdgeSettings
from deployd.domain.errors import StateConflict
from deployd.domain.route import Address, Route
from deployd.kernel.ref import Ref
from deployd.messages.proxy import PauseTraffic, ProxyMessage, ResumeTraffic
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


async def test_pause_and_resume_pass_through_the_mailbox(stores: Stores, proxy: Proxy) -> None:
    ref: Ref[ProxyMessage] = Ref("proxy")
    async with running(lambda ref: ProxyActor(ref, proxy, stores.routes), ref):
        with pytest.raises(StateConflict, match="no route"):
            await ref.ask(PauseTraffic(app=SHOP, seconds=1), 5)
        proxy.switch(ROUTE)
        await ref.ask(PauseTraffic(app=SHOP, seconds=1), 5)
        assert (await ref.ask(ResumeTraffic(app=SHOP), 5)).held == 0
