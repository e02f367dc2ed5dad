"""When no app can answer: the right status, a page of our own, and one more attempt where that is safe."""

import asyncio
import json

import pytest

from deployd.domain.route import Address
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import APP, Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream
from tests.support.ports import free_port

QUICK = ProxyLimits(
    connect_seconds=0.2,
    response_seconds=0.1,
    body_idle_seconds=0.1,
    sweep_seconds=0.02,
    access_batch_seconds=0.01,
)


def unused_address() -> Address:
    return Address(host="127.0.0.1", port=free_port())


async def test_an_unknown_host_gets_our_own_404_and_never_an_app(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(host="app.test.evil") + get(host="x.app.test"))
        assert [(await client.response()).status for _ in range(2)] == [404, 404]
        assert app.connections == 0
    record = (await bench.recorded(2))[0]
    assert (record.app, record.host, record.status) == (None, "app.test.evil", 404)


@pytest.mark.parametrize("host", ["APP.test", "app.test:8080", "app.test.", "App.Test.:1"])
async def test_a_host_is_found_in_any_case_with_port_or_dot(bench: Bench, host: str) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(host=host))
        assert (await client.response()).status == 200


async def test_a_closed_app_says_why(bench: Bench) -> None:
    bench.route(closed="The app was stopped by ana.")
    async with connected(bench.port) as client:
        await client.send(get(extra="Accept: text/html\r\n"))
        page = await client.response()
        assert (page.status, page.field("retry-after")) == (503, b"5")
        assert (page.field("content-type") or b"").startswith(b"text/html")
        assert b"The app was stopped by ana." in page.body
        await client.send(get(extra="Accept: application/json\r\n"))
        assert json.loads((await client.response()).body)["detail"] == "The app was stopped by ana."
        await client.send(b"HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n" + get())
        assert (await client.response("HEAD")).status == 503
        assert (await client.response()).status == 503


async def test_nobody_at_the_address_is_a_502(bench: Bench) -> None:
    bench.route(unused_address())
    async with connected(bench.port) as client:
        await client.send(get())
        assert (await client.response()).status == 502
    record = (await bench.recorded(1))[0]
    assert (record.status, record.failed) == (502, True)
    assert bench.proxy.stats().failed == 1


async def test_another_target_is_asked_when_one_refuses(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(unused_address(), app.address)
        for _ in range(8):
            await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi")
            assert (await client.response()).status == 200
    assert bench.proxy.stats().requests[APP] == {"2xx": 8}


async def test_a_silent_app_is_a_504(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK)

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.rest()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).status == 504


async def test_a_body_that_stops_half_way_is_a_408(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK)

    async def serve(conversation: Conversation) -> None:
        await conversation.rest()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nhalf")
        assert (await client.response()).status == 408


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"what?\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
    ],
    ids=lambda answer: answer[:24].decode() + f" {len(answer)}",
)
async def test_an_answer_that_cannot_be_trusted_is_a_502(bench: Bench, answer: bytes) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(answer)

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        got = await client.response()
        while got.status == 103:
            got = await client.response()
        assert got.status == 502
        assert app.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ],
)
async def test_a_cut_answer_never_ends_like_a_whole_one(bench: Bench, answer: bytes) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(answer)

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.response()
    assert bench.proxy.stats().failed == 1


async def test_a_pooled_connection_that_was_closed_meanwhile_is_replaced_unseen(bench: Bench) -> None:
    taken = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        if app.connections == 1:
            await conversation.head()  # the second request arrives here, and gets no answer
            taken.set()
        else:
            await conversation.request()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(2):
            await client.send(get())
            assert (await client.response()).status == 200
        assert taken.is_set()
        assert app.connections == 2


async def test_a_request_that_may_have_done_something_is_not_repeated(bench: Bench) -> None:
    asked = 0

    async def serve(conversation: Conversation) -> None:
        nonlocal asked
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await conversation.request()
        asked += 1

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await client.response()
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1\r\n\r\na")
        assert (await client.response()).status == 502
        assert (asked, app.connections) == (1, 1)


async def test_bytes_that_nobody_asked_for_close_the_upstream_connection(bench: Bench) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + forged)
        await conversation.rest()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(3):
            await client.send(get())
            assert (await client.response()).body == b"ok"
        assert app.connections == 3


async def test_a_client_that_leaves_is_recorded_and_its_upstream_told(make_bench: MakeBench) -> None:
    limits = ProxyLimits(half_closed_seconds=0.1, sweep_seconds=0.02, access_batch_seconds=0.01)
    bench = await make_bench(limits=limits)
    asked, told = asyncio.Event(), asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        asked.set()
        assert await conversation.closed()
        told.set()

    async with upstream(serve) as app:
        bench.route(app.address)
        async with connected(bench.port) as client:
            await client.send(get())
            await asked.wait()
            client.writer.transport.abort()
        async with asyncio.timeout(5):
            await told.wait()
    assert (await bench.recorded(1))[0].status == 499


async def test_an_early_answer_ends_the_connection_but_arrives(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await conversation.rest()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000)
        answer = await client.response()
        assert (answer.status, answer.body, answer.field("connection")) == (413, b"big", b"close")
        assert await client.rest() == b""
