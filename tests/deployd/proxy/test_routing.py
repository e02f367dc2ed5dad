"""Places on the wire: wildcards, path prefixes with and without stripping, and clashes."""

from pathlib import Path

import pytest

from deployd.domain.edge import EdgeSettings
from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName
from deployd.domain.route import Route, StaticSite
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation, Received, Serve, answering, connected, get, upstream


def keeping(received: list[Received]) -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            received.append(await conversation.request())
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    return serve


async def test_requests_go_where_host_and_path_say(bench: Bench) -> None:
    async with upstream(answering(b"api")) as api, upstream(answering(b"any")) as rest, connected(bench.port) as client:
        bench.proxy.switch(Route(app=AppName("api"), hosts=("a.test/api",), targets=(api.address,)))
        bench.proxy.switch(Route(app=AppName("any"), hosts=("*.test",), targets=(rest.address,)))
        for path, host, body in (("/api/x", "a.test", b"api"), ("/", "a.test", b"any"), ("/api", "b.test", b"any")):
            await client.send(get(path, host))
            assert (await client.response()).body == body


async def test_a_path_that_can_be_read_in_two_ways_reaches_neither_app(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.proxy.switch(Route(app=AppName("admin"), hosts=("a.test/admin",), closed_because="secret"))
        bench.proxy.switch(Route(app=AppName("front"), hosts=("a.test",), targets=(app.address,)))
        await client.send(get("/x/..%2fadmin", "a.test"))
        answer = await client.response()
        assert (answer.status, b"two ways" in answer.body) == (400, True)
        assert await client.closed()
    assert received == []


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/api", b"/"),
        ("/api/", b"/"),
        ("/api/users?x=%20/api", b"/users?x=%20/api"),
        ("/api?q", b"/?q"),
        ("/api/a%2Fb/./c", b"/a%2Fb/./c"),
        ("/api/api/x", b"/api/x"),
        ("http://app.test/api/x", b"/x"),
    ],
)
async def test_a_stripped_prefix_is_all_that_is_taken_away(bench: Bench, sent: str, seen: bytes) -> None:
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.route(app.address, hosts=("app.test/api",), edge=EdgeSettings(strip_prefix=True))
        await client.send(get(sent))
        await client.response()
    assert received[0].target == seen
    assert received[0].field("x-forwarded-prefix") == b"/api"


async def test_without_stripping_the_app_sees_the_whole_path(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.route(app.address, hosts=("app.test/api",))
        await client.send(get("/api/x?y"))
        await client.response()
    assert received[0].target == b"/api/x?y"
    assert received[0].field("x-forwarded-prefix") is None


async def test_stripping_says_nothing_where_an_app_has_all_paths(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.route(app.address, hosts=("app.test", "other.test/api"), edge=EdgeSettings(strip_prefix=True))
        await client.send(get("/api/x"))
        await client.response()
    assert received[0].target == b"/api/x"
    assert received[0].field("x-forwarded-prefix") is None


def test_each_place_has_one_owner_and_parts_of_a_host_may_have_several(bench: Bench) -> None:
    bench.route(hosts=("app.test", "*.app.test/api"))
    other = AppName("other")
    for host in ("app.test", "APP.test", "*.app.test/api", "control.test", "control.test/x"):
        with pytest.raises(StateConflict, match=host.split("/")[0].replace("*", r"\*")):
            bench.proxy.switch(Route(app=other, hosts=(host,)))
    bench.proxy.switch(Route(app=other, hosts=("app.test/api", "*.app.test", "x.app.test/api", "*.test")))
    assert bench.proxy.owner_of("app.test/api") == other
    assert bench.proxy.owner_of("*.app.test/api") == "app"
    assert bench.proxy.owner_of("y.app.test") is None


async def test_a_static_site_below_a_stripped_prefix_is_served_from_its_root(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "index.html").write_text("home")
    (tmp_path / "guide" / "index.html").write_text("guide")
    site = StaticSite(root=str(tmp_path))
    bench.route(site=site, hosts=("app.test/docs",), edge=EdgeSettings(strip_prefix=True))
    async with connected(bench.port) as client:
        for path, body in (("/docs", b"home"), ("/docs/guide/", b"guide")):
            await client.send(get(path))
            assert (await client.response()).body == body
        await client.send(get("/docs/guide?x"))
        assert (await client.response()).field("location") == b"/docs/guide/?x"
