"""A control host is deployd's own web server, on the same port and on the same connections as the apps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from deployd.domain.ids import SYSTEM_APP
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import answering, connected, get, upstream

HOST = "control.test"
QUICK = ProxyLimits(header_seconds=0.1, sweep_seconds=0.02, access_batch_seconds=0.01)


async def handle(request: web.BaseRequest) -> web.Response:
    client = request.headers["X-Real-IP"]
    return web.Response(text=f"control {request.method} {request.path} {await request.text()} {client}")


async def stop(server: web.Server) -> None:
    server.pre_shutdown()
    await server.shutdown(1)


@asynccontextmanager
async def control(make_bench: MakeBench, limits: ProxyLimits = QUICK) -> AsyncIterator[tuple[Bench, web.Server]]:
    """Behind it an app, too, that says hello."""
    server = web.Server(handle)
    async with upstream(answering()) as app:
        bench = await make_bench(control=server, limits=limits)
        bench.route(app.address)
        yield bench, server
    await stop(server)


async def test_each_request_of_a_connection_is_routed_by_its_own_host(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        for _ in range(2):
            await client.send(get())
            assert (await client.response()).body == b"hello"
            await client.send(get("/x", host="Control.test:80"))
            assert (await client.response()).body == b"control GET /x  127.0.0.1"
            await client.send(get("/y", host="unknown.test"))
            assert (await client.response()).status == 404


async def test_pipelined_requests_for_both_are_answered_in_order(make_bench: MakeBench) -> None:
    post = b"POST /b HTTP/1.1\r\nHost: control.test\r\nContent-Length: 4\r\n\r\ndata"
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        await client.send(get() + get("/a", host=HOST) + post + get() + get("/c", host=HOST))
        bodies = [(await client.response()).body for _ in range(5)]
        expected = [b"control GET /a  127.0.0.1", b"control POST /b data 127.0.0.1"]
        assert bodies == [b"hello", *expected, b"hello", b"control GET /c  127.0.0.1"]


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 4\r\n\r\ndata", b"Transfer-Encoding: chunked\r\n\r\n2\r\nda\r\n2\r\nta\r\n0\r\nT: 1\r\n\r\n"],
)
async def test_a_body_arrives_whole_in_whatever_pieces_it_comes(make_bench: MakeBench, body: bytes) -> None:
    wire = b"POST /f HTTP/1.1\r\nHost: control.test\r\n" + body
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        for step in (1, 20, len(wire)):
            for at in range(0, len(wire), step):
                await client.send(wire[at : at + step])
            assert (await client.response()).body == b"control POST /f data 127.0.0.1"


async def test_whoever_asks_first_is_told_to_send_the_body(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        fields = "Expect: 100-continue\r\nContent-Length: 4\r\n"
        await client.send(get("/f", host=HOST, extra=fields).replace(b"GET", b"POST", 1))
        assert (await client.head()).startswith(b"HTTP/1.1 100 ")
        await client.send(b"data")
        assert (await client.response()).body == b"control POST /f data 127.0.0.1"


async def test_old_clients_and_those_who_want_no_body_or_no_more_get_what_they_ask_for(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _):
        async with connected(bench.port) as client:
            await client.send(get("/x", host=HOST).replace(b"GET", b"HEAD", 1))
            assert (await client.response("HEAD")).field("content-length") == b"26"
            await client.send(get("/x", host=HOST, extra="Connection: close\r\n"))
            assert (await client.response()).field("connection") == b"close"
            assert await client.closed()
        async with connected(bench.port) as client:
            await client.send(b"GET /x HTTP/1.0\r\nHost: control.test\r\n\r\n")
            assert (await client.response()).body == b"control GET /x  127.0.0.1"
            assert await client.closed()


async def test_half_a_header_after_a_visit_is_answered_408_in_its_time(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        await client.send(get("/x", host=HOST))
        await client.response()
        await client.send(b"GET /y HTTP/1.1\r\nHost: contr")
        assert (await client.response()).status == 408
        assert await client.closed()


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"FOO / HTTP/1.1\r\nHost: control.test\r\n\r\n", 501),
        (b"GET /\x00 HTTP/1.1\r\nHost: control.test\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: control.test\r\nX: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: control.test\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: control.test\r\nExpect: tea\r\n\r\n", 417),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: control.test\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: control.test\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_gets_the_proxys_answer(make_bench: MakeBench, wire: bytes, status: int) -> None:
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        await client.send(get("/x", host=HOST))
        await client.response()
        await client.send(wire)
        refused = await client.response()
        assert (refused.status, refused.field("x-content-type-options")) == (status, b"nosniff")
        assert await client.closed()


async def test_visits_stand_in_the_access_log_and_in_the_counts(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _), connected(bench.port) as client:
        await client.send(get("/x", host=HOST))
        await client.response()
        (record,) = await bench.recorded(1)
        assert (record.app, record.host, record.path, record.status) == (SYSTEM_APP, HOST, "/x", 200)
        assert bench.proxy.stats().requests[SYSTEM_APP] == {"2xx": 1}


async def test_a_websocket_passes_and_is_asked_to_leave_when_the_proxy_closes(make_bench: MakeBench) -> None:
    async def echo(request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data + "!")
        return socket

    server = web.Server(echo)
    bench = await make_bench(control=server)
    url = f"http://127.0.0.1:{bench.port}/"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers={"Host": HOST}) as socket:
        await socket.send_str("ping")
        assert await socket.receive_str(timeout=5) == "ping!"
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.close(5))
            assert (await socket.receive(timeout=5)).data == aiohttp.WSCloseCode.GOING_AWAY
    await stop(server)


async def test_a_visitor_who_reads_slowly_slows_down_the_server_and_fills_no_memory(make_bench: MakeBench) -> None:
    piece, most = b"x" * 65_536, 1_000
    written = 0
    stalled = asyncio.Event()

    async def pour(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while written < most:
            try:
                async with asyncio.timeout(0.3):
                    await response.write(piece)
            except TimeoutError:
                break
            written += 1
        stalled.set()
        return response

    server = web.Server(pour)
    bench = await make_bench(control=server)
    async with connected(bench.port) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(get(host=HOST))
        async with asyncio.timeout(10):
            await stalled.wait()
        assert written < most / 2
    await stop(server)


async def test_while_the_server_is_away_visitors_are_told_to_come_again(make_bench: MakeBench) -> None:
    def away() -> asyncio.Protocol:
        raise ConnectionRefusedError

    bench = await make_bench(control=away)
    async with connected(bench.port) as client:
        await client.send(get(host=HOST))
        answer = await client.response()
        assert (answer.status, answer.field("retry-after"), answer.field("connection")) == (503, b"2", b"close")
        assert await client.closed()


async def test_a_server_that_stops_in_the_middle_of_a_request_is_no_fault_of_an_app(make_bench: MakeBench) -> None:
    async def never(request: web.BaseRequest) -> web.Response:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError

    asking = asyncio.Event()
    server = web.Server(never)
    bench = await make_bench(control=server)
    async with connected(bench.port) as client:
        await client.send(get(host=HOST))
        await asking.wait()
        await server.shutdown(0.01)
        assert (await client.response()).status == 503
        assert (bench.proxy.stats().failed, bench.proxy.stats().ejections) == (0, 0)


async def test_a_visitor_who_goes_away_ends_what_was_asked(make_bench: MakeBench) -> None:
    asking, gone = asyncio.Event(), asyncio.Event()

    async def wait(request: web.BaseRequest) -> web.Response:
        asking.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    server = web.Server(wait, handler_cancellation=True)
    bench = await make_bench(control=server, limits=ProxyLimits(half_closed_seconds=0.05, sweep_seconds=0.02))
    async with connected(bench.port) as client:
        await client.send(get(host=HOST))
        await asking.wait()
    async with asyncio.timeout(5):
        await gone.wait()


async def test_many_at_once(make_bench: MakeBench) -> None:
    async with control(make_bench) as (bench, _), aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        async def ask(host: str, start: str) -> None:
            url = f"http://127.0.0.1:{bench.port}/"
            async with session.get(url, headers={"Host": host}) as response:
                assert (await response.text()).startswith(start)

        for _ in range(20):
            group.create_task(ask("app.test", "hello"))
            group.create_task(ask(HOST, "control"))


async def test_what_the_server_keeps_open_is_closed_when_nobody_visits(make_bench: MakeBench) -> None:
    limits = ProxyLimits(pool_idle_seconds=0.05, sweep_seconds=0.02, access_batch_seconds=0.01)
    async with control(make_bench, limits) as (bench, server), connected(bench.port) as client:
        await client.send(get("/x", host=HOST))
        await client.response()
        async with asyncio.timeout(5):
            while server.connections:
                await asyncio.sleep(0.01)
        await client.send(get("/x", host=HOST))
        assert (await client.response()).status == 200
