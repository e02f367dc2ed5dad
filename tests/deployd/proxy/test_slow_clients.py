"""Clients that take their time: what they may hold is bounded, and the others do not notice them."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.memory import MemoryApp, MemoryClient, routed
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream

SLOW_CLIENTS = 2_000
REQUESTS = 400
WINDOWS = 3
MOST_P99_SECONDS = 0.05
QUICK = ProxyLimits(
    header_seconds=0.2,
    body_idle_seconds=0.2,
    body_rate_seconds=0.2,
    body_bytes_per_second=10_000.0,
    linger_seconds=0.2,
    sweep_seconds=0.02,
    access_batch_seconds=0.01,
)


@pytest.fixture
def many_files() -> None:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 3 * SLOW_CLIENTS
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"this process may open {hard} files at most, {needed} are needed")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@asynccontextmanager
async def dripping(port: int) -> AsyncIterator[list[int]]:
    """Many clients that send a header one byte after the other and never end it; yields how many drops fell."""
    drops = [0]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(port)) for _ in range(SLOW_CLIENTS)]
        for client in clients:
            client.writer.write(b"GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ")
        drip = asyncio.get_running_loop().create_task(_drip([client.writer for client in clients], drops))
        try:
            yield drops
        finally:
            drip.cancel()


async def _drip(writers: list[asyncio.StreamWriter], drops: list[int]) -> None:
    while True:
        for writer in writers:
            writer.write(b"x")
            drops[0] += 1
            await asyncio.sleep(0.0005)


async def p99_of(client: Conversation) -> float:
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        await client.send(get())
        assert (await client.response()).status == 200
        taken.append(time.perf_counter() - started)
    return sorted(taken)[int(REQUESTS * 0.99)]


@pytest.mark.usefixtures("many_files")
async def test_two_thousand_dripping_headers_leave_others_their_speed(bench: Bench) -> None:
    async with upstream(answering()) as app:
        bench.route(app.address)
        async with dripping(bench.port) as drops, connected(bench.port) as client:
            best = float("inf")
            for _ in range(WINDOWS):
                best = min(best, await p99_of(client))
            assert bench.proxy.stats().connections == SLOW_CLIENTS + 1
            assert drops[0] > 0
        assert best < MOST_P99_SECONDS


async def test_a_header_that_drips_is_given_up_when_its_time_is_over(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK)
    async with connected(bench.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nX: ")
        reply = asyncio.get_running_loop().create_task(client.response())
        while not reply.done():
            await client.send(b"x")
            await asyncio.wait({reply}, timeout=0.01)
        assert reply.result().status == 408


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_drips_is_a_408_though_it_is_never_silent(make_bench: MakeBench, chunked: bool) -> None:
    bench = await make_bench(limits=QUICK)

    async def serve(conversation: Conversation) -> None:
        await conversation.rest()

    framing = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 100000\r\n\r\n"
    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\n" + framing)
        reply = asyncio.get_running_loop().create_task(client.response())
        while not reply.done():
            await client.send(b"1\r\nx\r\n" if chunked else b"x")
            await asyncio.wait({reply}, timeout=0.01)
        assert reply.result().status == 408


async def test_a_body_that_the_app_holds_up_is_not_blamed_on_the_client(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK)
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nhalf")
    app.connection.pause_writing()
    for second in range(100):
        assert client.connection.exchange is not None
        client.connection.exchange.seen = plane.loop.time() + second
        client.connection.sweep(plane.loop.time() + second)
    assert client.answers == b""
    assert client.is_open


async def test_an_app_that_stops_taking_a_body_is_a_504(bench: Bench) -> None:
    """A 408 would make browsers send the same again, and clear the app of it."""
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nhalf")
    app.connection.pause_writing()
    for second in range(70):
        client.connection.sweep(plane.loop.time() + second)
    assert client.answers.startswith(b"HTTP/1.1 504 ")
    assert not app.is_usable
    assert bench.proxy.stats().failed == 1


async def test_an_upload_at_a_modest_pace_is_never_cut(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\n")
    start = plane.loop.time()
    for second in range(300):
        client.send(b"x" * 600)
        assert client.connection.exchange is not None
        client.connection.exchange.seen = start + second
        client.connection.sweep(start + second)
    assert client.is_open
    assert app.asked.endswith(b"x" * 180_000)


async def test_a_client_that_does_not_take_the_rest_of_its_last_answer_is_let_go(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get(extra="Connection: close\r\n"))
    client.transport.unsent = 50_000
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert client.connection in plane.connections
    now = plane.loop.time()
    client.connection.sweep(now + 60)
    assert client.connection in plane.connections
    client.connection.sweep(now + 60 + 50_000 / 500 + 1)
    assert client.connection not in plane.connections


async def test_a_client_that_never_reads_its_pipelined_answers_is_let_go(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get("/1") + get("/2") + get("/3"))
    client.connection.pause_writing()
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert b"GET /2" not in app.asked
    client.connection.sweep(plane.loop.time() + 59)
    assert client.is_open
    client.connection.sweep(plane.loop.time() + 61)
    assert not client.is_open


async def test_what_a_client_sends_ahead_of_its_turn_is_bounded(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get("/slow"), *([get("/next") * 1_000] * 100))
    assert not client.transport.reading
    assert len(client.connection.buffer) <= len(get("/next")) * 1_000
    assert app.asked.count(b"GET ") == 1


async def test_one_address_gets_so_many_connections_and_no_more(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(connections_per_address=3, access_batch_seconds=0.01))
    plane = routed(bench)
    held = [MemoryClient(plane) for _ in range(3)]
    late = MemoryClient(plane)
    assert late.answers.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nConnection: close\r\n" in late.answers
    assert not late.is_open
    assert MemoryClient(plane, "203.0.113.9").is_open
    held[0].leave()
    assert MemoryClient(plane).is_open
    assert not MemoryClient(plane).is_open


async def test_a_websocket_and_a_visit_to_the_control_host_count_until_they_end(make_bench: MakeBench) -> None:
    bench = await make_bench(
        limits=ProxyLimits(connections_per_address=2, access_batch_seconds=0.01), control=asyncio.Protocol
    )
    plane = routed(bench)
    app, socket, visitor = MemoryApp(plane), MemoryClient(plane), MemoryClient(plane)
    socket.send(get(extra="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    app.say(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    visitor.send(get(host="control.test"))
    assert plane.peers.open_from("198.51.100.7") == 2
    socket.leave()
    assert plane.peers.open_from("198.51.100.7") == 1
    visitor.leave()
    assert plane.peers.open_from("198.51.100.7") == 0
