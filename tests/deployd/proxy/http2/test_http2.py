"""HTTP/2 in front of apps that speak HTTP/1.1."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from aiohttp import web
from h2.settings import SettingCodes

from deployd.domain.edge import EdgeSettings
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.http2.client import http2_client
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.tls.rig import connected, listen, trusting
from tests.deployd.proxy.wire import Conversation, Received, answering, get, upstream
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
APP = MAKER.make("app.test", "control.test").certificate("app.test", "control.test")


async def opened(make_bench: MakeBench, **changes: object) -> tuple[Bench, int]:
    bench = await make_bench(http2=True, **changes)  # type: ignore[arg-type]
    bench.proxy.certificates.hold([APP])
    return bench, await listen(bench)


async def test_a_request_reaches_the_app_as_http_1_and_its_answer_comes_back(make_bench: MakeBench) -> None:
    seen: list[Received] = []

    async def serve(conversation: Conversation) -> None:
        while True:
            seen.append(await conversation.request())
            await conversation.send(
                b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Own: yes\r\nConnection: keep-alive\r\n\r\nhello"
            )

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        fields = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("x-one", "1")]
        answer = await client.answer(await client.ask("/a?b=c", fields=fields))
    assert (answer.status, answer.body, answer.fields["x-own"], answer.ended) == (201, b"hello", "yes", True)
    assert "connection" not in answer.fields
    (request,) = seen
    assert request.head.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert request.field("Host") == b"app.test"
    assert request.field("Cookie") == b"a=1; b=2"
    assert request.field("X-Forwarded-Proto") == b"https"
    assert request.field("TE") is None


async def test_a_client_that_does_not_know_h2_is_served_as_before(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).body == b"hello"


async def test_h2_is_spoken_only_when_it_is_on(bench: Bench) -> None:
    bench.proxy.certificates.hold([APP])
    port = await listen(bench)
    async with connected(port, "app.test", trusting(MAKER.root, ["h2", "http/1.1"])) as client:
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_many_streams_at_once_do_not_mix_and_do_not_wait_for_one_another(make_bench: MakeBench) -> None:
    released = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        while True:
            path = (await conversation.request()).target
            if path == b"/slow":
                await released.wait()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        slow = await client.ask("/slow")
        numbers = {f"/{number}": await client.ask(f"/{number}") for number in range(50)}
        for path, number in numbers.items():
            assert (await client.answer(number)).body == path.encode()
        assert not client.answers[slow].ended
        released.set()
        assert (await client.answer(slow)).body == b"/slow"


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
@pytest.mark.parametrize("said", [True, False])
async def test_bodies_pass_both_ways_whole_whether_their_length_is_said_or_not(
    make_bench: MakeBench, size: int, said: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def echo(conversation: Conversation) -> None:
        request = await conversation.request()
        if said:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body)
            await conversation.send(head + request.body)
        else:
            chunks = b"%x\r\n%b\r\n" % (len(request.body), request.body) if request.body else b""
            await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks)

    bench, port = await opened(make_bench)
    async with upstream(echo) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        fields = [("content-length", str(size))] if said else []
        answer = await client.answer(await client.ask(method="POST", fields=fields, body=body))
    assert answer.body == body
    assert answer.ended


async def test_head_no_content_and_interim_answers_keep_their_meaning(make_bench: MakeBench) -> None:
    async def serve(conversation: Conversation) -> None:
        while True:
            request = await conversation.request()
            if request.head.startswith(b"HEAD"):
                await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
            else:
                await conversation.send(
                    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
                )

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        head = await client.answer(await client.ask(method="HEAD"))
        assert (head.status, head.fields["content-length"], head.body) == (200, "7", b"")
        nothing = await client.answer(await client.ask())
        assert (nothing.status, nothing.interim, nothing.body) == (204, [103], b"")


async def test_an_answer_that_breaks_off_is_reset_and_never_ends_cleanly(make_bench: MakeBench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        conversation.writer.transport.abort()

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        broken = await client.answer(await client.ask())
        assert (broken.ended, broken.reset) == (False, 2)
        assert (await client.answer(await client.ask(host="other.test"))).status == 404


async def test_a_client_that_does_not_read_slows_the_app_down_and_no_other_stream(make_bench: MakeBench) -> None:
    sent = 0

    async def serve(conversation: Conversation) -> None:
        nonlocal sent
        request = await conversation.request()
        if request.target == b"/small":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await conversation.send(b"10000\r\n" + bytes(65_536) + b"\r\n")
            sent += 65_536

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        client.h2.increment_flow_control_window(1_000_000)
        client.reading = False
        endless = await client.ask("/endless")
        while len(client.answers[endless].body) < 65_535:
            await client.hear()
        small = await client.answer(await client.ask("/small"))
        assert small.body == b"ok"
        before = -1
        async with asyncio.timeout(10):
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
        assert sent < 30_000_000
        assert len(client.answers[endless].body) == 65_535


@pytest.mark.parametrize(
    "field",
    [
        ("x-a", "b\r\nX-Smuggled: yes"),
        ("x-a", "b\nc"),
        ("x-a", "b\x00c"),
        ("X-Upper", "a"),
        ("x a", "b"),
        ("x:a", "b"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        (":path", "/second"),
        (":late", "x"),
    ],
)
async def test_what_could_become_something_else_in_http_1_never_reaches_the_app(
    make_bench: MakeBench, field: tuple[str, str]
) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app, http2_client(port, MAKER.root, strict=False) as client:
        bench.route(app.address)
        number = await client.ask(fields=[field])
        while client.answers[number].reset is None and not client.closed:
            await client.hear()
        assert client.answers[number].status == 0
        assert app.connections == 0


@pytest.mark.parametrize(
    ("path", "host", "method"),
    [
        ("/a b", "app.test", "GET"),
        ("/a HTTP/1.1\r\nX: y", "app.test", "GET"),
        ("a", "app.test", "GET"),
        ("/", "app.test\r\nX: y", "GET"),
        ("/", "app.test x", "GET"),
        ("/", "app.test", "GET /x"),
        ("/", "app.test", "get"),
    ],
)
async def test_a_request_line_is_not_to_be_forged(make_bench: MakeBench, path: str, host: str, method: str) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app, http2_client(port, MAKER.root, strict=False) as client:
        bench.route(app.address)
        number = await client.ask(path, method, host=host)
        while client.answers[number].reset is None and not client.closed:
            await client.hear()
        assert (client.answers[number].status, app.connections) == (0, 0)


async def test_windows_that_a_client_opens_by_its_settings_are_filled(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        number = await client.ask()
        while not client.answers[number].status:
            await client.hear()
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
        await client.flush()
        assert (await client.answer(number)).body == b"hello"


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (ProxyLimits(linger_seconds=0.1, sweep_seconds=0.02), 0),
        (ProxyLimits(linger_seconds=1_000, linger_bytes=100_000), 200_000),
    ],
)
async def test_an_answer_before_the_end_of_the_body_ends_the_body_after_a_while(
    make_bench: MakeBench, limits: ProxyLimits, size: int
) -> None:
    bench, port = await opened(make_bench, limits=limits)
    async with upstream(answering()) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address, edge=EdgeSettings(body_limit_mb=0.01))
        number = client.h2.get_next_available_stream_id()
        start = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")]
        client.h2.send_headers(number, [*start, ("content-length", "1000000")])
        await client.flush()
        answer = await client.answer(number)
        assert (answer.status, answer.reset) == (413, None)
        for _ in range(size // 10_000):
            client.h2.send_data(number, bytes(10_000))
            await client.flush()
            if client.answers[number].reset is not None:
                break
        while client.answers[number].reset is None:
            await client.hear()
        assert client.answers[number].reset == 0
        assert (await client.answer(await client.ask())).body == b"hello"


async def test_a_client_that_is_refused_in_the_middle_of_its_upload_hears_why(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    upload = tmp_path / "up"
    upload.write_bytes(bytes(2_000_000))
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app:
        bench.route(app.address, edge=EdgeSettings(body_limit_mb=0.01))
        options = (
            "-H",
            "Expect:",
            "--data-binary",
            f"@{upload}",
            "-o",
            "/dev/null",
            "-w",
            "%{http_version} %{http_code}",
        )
        assert await curl_says(port, *options) == "2 413"


async def test_whoever_only_opens_streams_to_drop_them_is_sent_away(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering()) as app, http2_client(port, MAKER.root) as client:
        bench.route(app.address)
        for _ in range(300):
            number = client.h2.get_next_available_stream_id()
            start = [(":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")]
            client.h2.send_headers(number, start, end_stream=True)
            client.h2.reset_stream(number)
        await client.flush()
        await client.until_closed()
    assert client.goaway == 11


async def test_bytes_that_are_no_frames_end_the_connection(make_bench: MakeBench) -> None:
    _, port = await opened(make_bench)
    async with connected(port, "app.test", trusting(MAKER.root, ["h2"])) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n" * 3)
        assert b"HTTP/1.1" not in await client.rest()


async def test_closing_lets_open_streams_end(make_bench: MakeBench) -> None:
    released = asyncio.Event()
    arrived = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        arrived.set()
        await released.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    bench, port = await opened(make_bench)
    async with upstream(serve) as app, asyncio.TaskGroup() as group:
        bench.route(app.address)
        curl = group.create_task(curl_says(port))
        await arrived.wait()
        closing = group.create_task(bench.proxy.close(5))
        await asyncio.sleep(0)  # closing has begun
        released.set()
        await closing
    assert curl.result() == "ok"


async def test_an_idle_connection_is_told_and_closed(make_bench: MakeBench) -> None:
    limits = ProxyLimits(keep_alive_seconds=0.1, sweep_seconds=0.02)
    _, port = await opened(make_bench, limits=limits)
    async with http2_client(port, MAKER.root) as client:
        assert (await client.answer(await client.ask())).status == 404
        await client.until_closed()
    assert client.goaway == 0


async def test_nothing_is_left_when_the_client_goes(make_bench: MakeBench) -> None:
    arrived = asyncio.Event()
    gone = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        arrived.set()
        assert await conversation.closed()
        gone.set()

    bench, port = await opened(make_bench)
    async with upstream(serve) as app:
        bench.route(app.address)
        async with http2_client(port, MAKER.root) as client:
            await client.ask()
            await arrived.wait()
        async with asyncio.timeout(5):
            await gone.wait()
            while bench.proxy.stats().connections:
                await asyncio.sleep(0.01)
    (record,) = await bench.recorded(1)
    assert record.status == 499


async def test_the_control_host_is_reached_by_http_2(make_bench: MakeBench) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.headers['X-Forwarded-Proto']} {request.method} {await request.text()}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    _, port = await opened(make_bench, control=runner.server)
    async with http2_client(port, MAKER.root) as client:
        first = await client.answer(await client.ask(host="control.test"))
        second = await client.answer(await client.ask(method="POST", body=b"body", host="control.test"))
    await runner.cleanup()
    assert (first.status, first.body, second.body) == (200, b"https GET ", b"https POST body")


async def test_curl_uploads_and_downloads_over_http_2(make_bench: MakeBench, tmp_path: Path) -> None:
    """A client that nobody here has written."""
    body = bytes(range(256)) * 8192
    upload, download = tmp_path / "up", tmp_path / "down"
    upload.write_bytes(body)

    async def echo(conversation: Conversation) -> None:
        request = await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    bench, port = await opened(make_bench)
    async with upstream(echo) as app:
        bench.route(app.address)
        options = ("--data-binary", f"@{upload}", "-o", str(download), "-w", "%{http_version} %{http_code}")
        assert await curl_says(port, *options) == "2 200"
    assert download.read_bytes() == body


async def curl_says(port: int, *options: str) -> str:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl (apt-get install curl)")
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as root:
        root.write(MAKER.root)
        root.flush()
        here = ("--cacert", root.name, "--resolve", f"app.test:{port}:127.0.0.1", f"https://app.test:{port}/")
        argv = (program, "-sS", "--http2", *options, *here)
        curl = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        said, _ = await curl.communicate()
    assert curl.returncode == 0
    return said.decode()
