"""What an app's door answers, on the wire: the app hears nothing of it, and the connection stays usable."""

import asyncio
import base64
from pathlib import Path

import pytest

from deployd.domain.edge import EdgeSettings
from deployd.domain.route import Address, Route, StaticSite
from deployd.proxy.door.password import hash_password
from tests.deployd.proxy.rig import APP, HOSTS, Bench
from tests.deployd.proxy.wire import Conversation, Received, answering, connected, get, upstream

STORED = hash_password(b"open sesame")


def guarded(
    bench: Bench,
    *targets: Address,
    maintenance: str | None = None,
    health: str = "/",
    folder: Path | None = None,
    site: StaticSite | None = None,
    **edge: object,
) -> None:
    bench.proxy.switch(
        Route(
            app=APP,
            hosts=HOSTS,
            release=1,
            targets=targets,
            site=site,
            maintenance=maintenance,
            health_path=health,
            folder=None if folder is None else str(folder),
            edge=EdgeSettings(**edge),  # type: ignore[arg-type]
        )
    )


def login(credentials: str) -> str:
    return f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}\r\n"


async def asked(client: Conversation, path: str = "/", extra: str = "") -> Received:
    await client.send(get(path, extra=extra))
    return await client.response()


REFUSALS = {
    "a redirect": ({"redirects": {"/": "/new"}}, 308),
    "an address that is not let in": ({"allow": ("192.0.2.0/24",)}, 403),
    "a missing password": ({"basic_auth": {"me": STORED}}, 401),
    "maintenance": ({"maintenance": "Back at ten."}, 503),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_reaches_no_app_and_leaves_the_connection_open(bench: Bench, name: str) -> None:
    rules, status = REFUSALS[name]
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, **rules)  # type: ignore[arg-type]
        await client.send(get() + get())
        for _ in range(2):
            answer = await client.response()
            assert (answer.status, answer.field("connection")) == (status, None)
        await client.send(b"HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n" + get())
        bodiless = await client.response("HEAD")
        assert (bodiless.status, int(bodiless.field("content-length") or 0) > 0) == (status, True)
        assert (await client.response()).status == status
        assert app.connections == 0
    records = await bench.recorded(4)
    assert [(record.status, record.app, record.failed, record.sent_bytes > 0) for record in records] == [
        (status, APP, False, method != "HEAD") for method in ("GET", "GET", "HEAD", "GET")
    ]
    stats = bench.proxy.stats()
    assert stats.requests == {None: {}, APP: {f"{status // 100}xx": 4}}
    assert stats.failed == 0


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refused_body_is_not_read_and_ends_the_connection(bench: Bench, name: str) -> None:
    rules, status = REFUSALS[name]
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, **rules)  # type: ignore[arg-type]
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\n" + get("/smuggled"))
        answer = await client.response()
        assert (answer.status, answer.field("connection")) == (status, b"close")
        client.writer.write_eof()
        assert await client.rest() == b""
        assert app.connections == 0


async def test_what_the_door_turned_away_was_served_by_no_release(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, redirects={"/old": "/new"})
        await client.send(get("/old") + get())
        assert [(await client.response()).status for _ in range(2)] == [308, 200]
        report = await bench.proxy.drain(APP, 1)
        assert (report.served_by_new, report.failed) == (1, 0)


async def test_a_redirect_keeps_path_query_and_method(bench: Bench) -> None:
    async with connected(bench.port) as client:
        guarded(bench, canonical="www.app.test", redirects={"/blog/*": "https://blog.test/*"})
        moved = await asked(client, "/a%20b?x=1&y=%26")
        assert (moved.status, moved.field("location")) == (308, b"http://www.app.test/a%20b?x=1&y=%26")
        assert moved.field("cache-control") == b"no-store"


async def test_own_redirects_are_applied_in_front_of_a_static_site(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("home")
    async with connected(bench.port) as client:
        guarded(bench, site=StaticSite(root=str(tmp_path)), redirects={"/blog/*": "https://blog.test/*"})
        assert (await asked(client, "/blog/2024?p=2")).field("location") == b"https://blog.test/2024?p=2"
        assert (await asked(client)).body == b"home"


async def test_who_is_on_the_list_is_let_in(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, allow=("127.0.0.0/8",))
        assert (await asked(client, extra="X-Forwarded-For: 192.0.2.1\r\n")).status == 200
        guarded(bench, app.address, allow=("192.0.2.1",))
        assert (await asked(client, extra="X-Forwarded-For: 192.0.2.1\r\n")).status == 403


async def test_a_password_lets_in_with_its_body_and_what_follows(bench: Bench) -> None:
    bodies: list[bytes] = []

    async def serve(conversation: Conversation) -> None:
        while True:
            bodies.append((await conversation.request()).body)
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    post = f"POST / HTTP/1.1\r\nHost: app.test\r\n{login('me:open sesame')}".encode()
    async with upstream(serve) as app, connected(bench.port) as client:
        guarded(bench, app.address, basic_auth={"me": STORED})
        large = b"x" * 300_000
        await client.send(
            post + b"Content-Length: 5\r\n\r\nhello"
            + post + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            + post + b"Content-Length: 300000\r\n\r\n" + large + get()
        )  # fmt: skip
        assert [(await client.response()).status for _ in range(4)] == [200, 200, 200, 401]
    assert bodies == [b"hello", b"abc", large]


async def test_a_client_that_waits_for_100_continue_hears_it_after_its_password_was_checked(bench: Bench) -> None:
    expecting = "Content-Length: 2\r\nExpect: 100-continue\r\n"
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, basic_auth={"me": STORED})
        await client.send(get(extra=login("me:open sesame") + expecting))
        assert (await client.head()).startswith(b"HTTP/1.1 100")
        await client.send(b"hi")
        assert (await client.response()).status == 200
        await client.send(get(extra=login("me:wrong") + expecting))
        assert (await client.response()).status == 401


async def test_a_flood_of_wrong_passwords_is_slowed_down_and_holds_up_nobody_who_is_known(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, basic_auth={"me": STORED})
        assert (await asked(client, extra=login("me:open sesame"))).status == 200
        await client.send(b"".join(get(extra=login(f"me:{guess}")) for guess in range(13)))
        answers = [await client.response() for _ in range(13)]
        assert [answer.status for answer in answers] == [401] * 10 + [429] * 3
        assert int(answers[-1].field("retry-after") or 0) > 0
        assert (await asked(client, extra=login("me:open sesame"))).status == 200


async def test_a_client_that_leaves_while_its_password_is_checked_breaks_nothing(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, basic_auth={"me": STORED})
        async with connected(bench.port) as hasty:
            await hasty.send(get(extra=login("me:open sesame")))
            hasty.writer.transport.abort()
        assert (await asked(client, extra=login("me:open sesame"))).status == 200


async def test_a_body_is_refused_by_its_length_at_once(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, body_limit_mb=0.001)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1048\r\n\r\n" + b"x" * 1048)
        assert (await client.response()).status == 200
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1049\r\n\r\n")
        answer = await client.response()
        assert (answer.status, answer.field("connection")) == (413, b"close")
        client.writer.write_eof()
        assert await client.rest() == b""
        assert app.connections == 1


async def test_a_chunked_body_is_refused_when_it_grows_too_large(bench: Bench) -> None:
    ended = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        try:
            await conversation.rest()
        finally:
            ended.set()

    async with upstream(serve) as app, connected(bench.port) as client:
        guarded(bench, app.address, body_limit_mb=0.001)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send(b"400\r\n" + b"x" * 0x400 + b"\r\n" + b"19\r\n")
        answer = await client.response()
        assert (answer.status, answer.field("connection")) == (413, b"close")
        async with asyncio.timeout(5):
            await ended.wait()
    records = await bench.recorded(1)
    assert (records[0].status, records[0].failed) == (413, False)


async def test_too_many_requests_are_told_when_to_come_back(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, requests_per_second=0.01, burst=2)
        await client.send(get() * 4)
        answers = [await client.response() for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert 90 <= int(answers[3].field("retry-after") or 0) <= 100
        guarded(bench, app.address, requests_per_second=0.01, burst=2, maintenance="closed")
        assert (await asked(client)).status == 429, "another release does not fill the bucket"


async def test_maintenance_shows_its_text_and_leaves_the_health_path_to_the_app(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, maintenance="Back at <ten> & a bit.", health="/up")
        page = await asked(client, extra="Accept: text/html\r\n")
        assert (page.status, page.field("retry-after")) == (503, b"60")
        assert b"Back at &lt;ten&gt; &amp; a bit." in page.body
        assert b"Down for maintenance" in page.body
        said = await asked(client, extra="Accept: application/json\r\n")
        assert b'"detail":"Back at <ten> & a bit."' in said.body
        assert (await asked(client, "/up")).status == 200
        guarded(bench, app.address)
        assert (await asked(client)).status == 200


async def test_in_maintenance_the_health_path_is_the_one_that_the_app_sees(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:

        async def statuses(*asked: tuple[str, str]) -> list[int]:
            found = []
            for host, path in asked:
                await client.send(get(path, host))
                found.append((await client.response()).status)
            return found

        def served(strip: bool) -> None:
            bench.proxy.switch(
                Route(
                    app=APP,
                    hosts=("app.test/api", "own.test"),
                    release=1,
                    targets=(app.address,),
                    maintenance="closed",
                    health_path="/up",
                    edge=EdgeSettings(strip_prefix=strip),
                )
            )

        served(strip=True)
        assert await statuses(("app.test", "/api/up"), ("app.test", "/api/up?deep=1"), ("own.test", "/up")) == [200] * 3
        assert await statuses(("app.test", "/api"), ("app.test", "/api/up/"), ("own.test", "/api/up")) == [503] * 3
        served(strip=False)
        assert await statuses(("app.test", "/api/up"), ("own.test", "/up")) == [503, 200]


async def test_maintenance_is_shown_for_an_app_that_does_not_run(bench: Bench) -> None:
    async with connected(bench.port) as client:
        guarded(bench, maintenance="Moving house.")
        assert b"Moving house." in (await asked(client)).body


async def test_a_pass_takes_our_own_health_check_through_once(bench: Bench) -> None:
    rules = {"allow": ("192.0.2.1",), "canonical": "b.test", "basic_auth": {"me": STORED}}
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, maintenance="closed", **rules)  # type: ignore[arg-type]
        key = f"X-Deployd-Pass: {bench.proxy.door_pass()}\r\n"
        assert [(await asked(client, extra=key)).status for _ in range(2)] == [200, 403]


async def test_strict_transport_security_is_not_said_over_http(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        guarded(bench, app.address, hsts_seconds=60)
        assert (await asked(client)).field("strict-transport-security") is None


PAGES = {"503": "errors/down.html", "4xx": "errors/client.txt", "404": "missing.html", "502": "../secret"}


def release(folder: Path) -> Path:
    (folder / "errors").mkdir(parents=True)
    (folder / "errors/down.html").write_text("<h1>Our own: {{reason}}</h1>")
    (folder / "errors/client.txt").write_text("your fault")
    (folder.parent / "secret").write_text("secret")
    return folder


@pytest.mark.parametrize(
    ("rules", "status", "body"),
    [
        ({"maintenance": "a<b"}, 503, b"<h1>Our own: a&lt;b</h1>"),
        ({}, 503, b"<h1>Our own: The app has nothing running that could answer.</h1>"),
        ({"allow": ("192.0.2.1",)}, 403, b"your fault"),
        ({"basic_auth": {"me": STORED}}, 401, b"your fault"),
    ],
)
async def test_our_pages_are_replaced_by_the_apps_own(
    bench: Bench, tmp_path: Path, rules: dict[str, object], status: int, body: bytes
) -> None:
    async with connected(bench.port) as client:
        guarded(bench, folder=release(tmp_path / "app"), error_pages=PAGES, **rules)  # type: ignore[arg-type]
        answer = await asked(client, extra="Accept: text/html\r\n")
        assert (answer.status, answer.body) == (status, body)
        program = await asked(client, extra="Accept: application/json\r\n")
        assert program.field("content-type") == b"application/problem+json"
        assert (status == 401) is (program.field("www-authenticate") is not None)


async def test_the_apps_own_errors_are_left_alone(bench: Bench, tmp_path: Path) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")

    async with upstream(serve) as app, connected(bench.port) as client:
        guarded(bench, app.address, folder=release(tmp_path / "app"), error_pages=PAGES)
        assert (await asked(client)).body == b"busy"


async def test_a_missing_file_of_a_site_gets_the_apps_page(bench: Bench, tmp_path: Path) -> None:
    folder = release(tmp_path / "app")
    (folder / "missing.html").write_text("not here")
    async with connected(bench.port) as client:
        guarded(bench, site=StaticSite(root=str(folder / "errors")), folder=folder, error_pages=PAGES)
        answer = await asked(client, "/nothing")
        assert (answer.status, answer.body) == (404, b"not here")
