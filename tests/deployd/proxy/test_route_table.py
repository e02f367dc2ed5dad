"""Which app a host and path belong to: the more exact host, then the longest prefix by whole segments."""

import pytest

from deployd.domain.ids import AppName
from deployd.domain.place import Place
from deployd.proxy.proxy import Proxy
from deployd.proxy.refused import Refused
from deployd.proxy.route_table import RouteTable
from deployd.proxy.service import Service
from tests.deployd.proxy.rig import no_control

CONTROL = b"deployd.example.com"
PLACES = {
    "shop": ("example.com",),
    "api": ("example.com/api", "api.test/"),
    "v2": ("example.com/api/v2",),
    "any": ("*.example.com",),
    "wild-api": ("*.example.com/api",),
    "blog": ("blog.example.com/posts",),
    "only": ("paths.test/admin",),
}


@pytest.fixture
async def table() -> RouteTable:
    plane = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)._plane
    table = RouteTable(frozenset({CONTROL}))
    for app, places in PLACES.items():
        table = table.holding(places, Service(AppName(app), plane))
    return table


def found(table: RouteTable, host: str, target: str = "/") -> str | None:
    service = table.find(host.encode(), target.encode())
    return service.app if service is not None else None


@pytest.mark.parametrize(
    ("host", "target", "app"),
    [
        ("example.com", "/", "shop"),
        ("EXAMPLE.com.:8080", "/", "shop"),
        ("example.com", "*", "shop"),
        ("example.com", "/apix", "shop"),
        ("example.com", "/ap", "shop"),
        ("example.com", "/API", "shop"),
        ("example.com", "/?/api", "shop"),
        ("example.com", "/x/api", "shop"),
        ("example.com", "/api", "api"),
        ("example.com", "/api/", "api"),
        ("example.com", "/api?x=/api/v2", "api"),
        ("example.com", "/api/v2x", "api"),
        ("example.com", "/api/v2", "v2"),
        ("example.com", "/api/v2/users", "v2"),
        ("example.com", "/api/a%2Fb", "api"),
        ("example.com", "/api/./x//y/../z;v=1", "api"),
        ("example.com", "//x", "shop"),
        ("api.test", "/x", "api"),
        ("a.example.com", "/", "any"),
        ("A.example.com:1", "/", "any"),
        ("a.example.com", "/api/x", "wild-api"),
        ("a.b.example.com", "/", None),
        (".example.com", "/", "any"),
        ("blog.example.com", "/posts/1", "blog"),
        ("blog.example.com", "/about", "any"),
        ("blog.example.com", "/api", "wild-api"),
        ("deployd.example.com", "/", None),
        ("deployd.example.com", "/api", None),
        ("paths.test", "/admin", "only"),
        ("paths.test", "/", None),
        ("unknown.test", "/", None),
        ("", "/", None),
    ],
)
async def test_the_closest_place_wins(table: RouteTable, host: str, target: str, app: str | None) -> None:
    assert found(table, host, target) == app


@pytest.mark.parametrize(
    "target",
    [
        "/x/../api",
        "/api/../x",
        "/api/..",
        "/%61pi",
        "/x/%2e%2e/api",
        "/x/%2E./api/v2",
        "/x/..%2fapi",
        "/x/..\\api",
        "/x/..%5capi",
        "/x/..;/api",
        "/api;v=1/x",
        "//api",
        "/./api",
        "/api/v2/../x",
        "/api%2fv2",
        "/api//v2",
    ],
)
async def test_a_path_that_belongs_to_two_apps_depending_on_how_it_is_read_is_refused(
    table: RouteTable, target: str
) -> None:
    with pytest.raises(Refused, match="two ways") as refused:
        found(table, "example.com", target)
    assert refused.value.status == 400


async def test_where_a_host_has_one_app_its_paths_are_nobodys_business(table: RouteTable) -> None:
    assert found(table, "api.test", "/x/../%2e%2e//api;x") == "api"


async def test_the_prefix_that_decided_is_told(table: RouteTable) -> None:
    for host, target, prefix in (
        ("example.com", "/api/v2/x", b"/api/v2"),
        ("example.com", "/x", b""),
        ("API.test", "/x", b""),
        ("a.example.com", "/api?x", b"/api"),
    ):
        assert table.prefix_of(host.encode(), target.encode()) == prefix


async def test_a_table_is_never_changed_only_replaced(table: RouteTable) -> None:
    service = table.find(b"example.com", b"/api")
    assert service is not None
    new = table.holding(("new.test",), service)
    assert [found(table, "example.com", "/api"), found(table, "new.test")] == ["api", None]
    assert [found(new, "example.com", "/api"), found(new, "new.test"), found(new, "api.test")] == ["shop", "api", None]
    gone = new.holding((), service)
    assert (service in new.services(), service in gone.services()) == (True, False)
    assert {str(place) for place in gone.hosts()} == {
        place for app, places in PLACES.items() for place in places if app != "api"
    }


async def test_a_place_has_the_owner_that_holds_exactly_it(table: RouteTable) -> None:
    for text, app in (
        ("example.com/api", "api"),
        ("example.com/api/v3", None),
        ("*.example.com", "any"),
        ("a.example.com", None),
        ("blog.example.com", None),
    ):
        owner = table.owner(Place.parse(text))
        assert (owner.app if owner is not None else None) == app


async def test_apps_may_take_turns_at_a_place(table: RouteTable) -> None:
    shop = table.find(b"example.com", b"/")
    assert shop is not None
    alone = table.holding((), shop)
    assert [found(alone, "example.com", "/"), found(alone, "example.com", "/api")] == [None, "api"]
    back = alone.holding(("example.com", "example.com/deep/er"), shop)
    assert [found(back, "example.com", "/"), found(back, "example.com", "/deep/er/x")] == ["shop", "shop"]
