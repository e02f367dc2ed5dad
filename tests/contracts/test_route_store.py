"""What a RouteStore promises."""

import re

import pytest

from deployd.domain.errors import BrokenRow
from deployd.domain.route import Address, Route, StaticSite
from deployd.ports.stores import Stores
from deployd.stores.database import Database, Statement
from tests.contracts.samples import BLOG, SHOP, an_app

TO_TARGETS = Route(
    app=SHOP,
    hosts=("shop.localhost", "shop.example.com"),
    release=3,
    targets=(Address(host="127.0.0.1", port=20_001), Address(host="::1", port=20_002)),
)
TO_FILES = Route(app=SHOP, hosts=("shop.localhost",), release=4, site=StaticSite(root="/srv/shop", spa=True))
CLOSED = Route(app=BLOG, hosts=("blog.localhost",), closed_because="This app is stopped.")


@pytest.fixture(autouse=True)
async def apps(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))


@pytest.mark.parametrize("route", [TO_TARGETS, TO_FILES], ids=["targets", "files"])
async def test_a_route_comes_back_as_it_was_put(stores: Stores, route: Route) -> None:
    await stores.routes.put(route)
    assert await stores.routes.get(SHOP) == route


async def test_an_app_has_one_route_at_a_time(stores: Stores) -> None:
    for route in (TO_TARGETS, CLOSED, TO_FILES):
        await stores.routes.put(route)
    assert await stores.routes.all() == [CLOSED, TO_FILES]


async def test_a_route_that_cannot_be_read_is_listed_with_the_reason(stores: Stores, database: Database) -> None:
    for route in (TO_TARGETS, CLOSED):
        await stores.routes.put(route)
    await database.transact(Statement("UPDATE routes SET route = '{half' WHERE app = $1", (SHOP,)))
    routes, broken = await stores.routes.listed()
    assert (routes, list(broken)) == ([CLOSED], [SHOP])
    said = "The route of shop cannot be read from the database: it is damaged. Remove it with: deployd remove shop"
    assert broken[SHOP] == said
    with pytest.raises(BrokenRow, match=re.escape(said)):
        await stores.routes.get(SHOP)


async def test_a_removed_route_is_gone(stores: Stores) -> None:
    await stores.routes.put(TO_FILES)
    await stores.routes.remove(SHOP)
    assert await stores.routes.get(SHOP) is None
