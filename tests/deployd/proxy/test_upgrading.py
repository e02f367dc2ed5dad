"""WebSockets pass through, survive a switch, and end when the drain does."""

import asyncio

import aiohttp
from aiohttp import web

from deployd.domain.edge import EdgeSettings
from deployd.domain.route import Address
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import APP, Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream

UPGRADE = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"


async def echo(conversation: Conversation) -> None:
    head = await conversation.head()
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket" in head
    await conversation.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")
    while data := await conversation.reader.read(65_536):
        await conversation.send(data)


async def test_messages_pass_both_ways(bench: Bench) -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data + "!")
        return socket

    runner = web.ServerRunner(web.Server(handle))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bench.route(Address(host="127.0.0.1", port=runner.addresses[0][1]))
    url = f"ws://127.0.0.1:{bench.port}/chat"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers={"Host": "app.test"}) as socket:
        for text in ("one", "two" * 50_000):
            await socket.send_str(text)
            assert await socket.receive_str() == text + "!"
    record = (await bench.recorded(1))[0]
    assert record.status == 101
    assert record.sent_bytes > 150_000
    await runner.cleanup()


async def test_early_bytes_of_both_sides_are_kept(bench: Bench) -> None:
    async with upstream(echo) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra=UPGRADE) + b"early")
        assert b"101" in await client.head()
        assert await client.exactly(7) == b"hiearly"


async def test_an_upgrade_that_the_app_declines_is_an_ordinary_exchange(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(2):
            await client.send(get(extra=UPGRADE))
            assert (await client.response()).status == 200


async def test_a_websocket_outlives_a_switch_until_the_drain_is_over(bench: Bench) -> None:
    async with upstream(echo) as old, upstream(answering(b"new")) as new, connected(bench.port) as client:
        bench.route(old.address, release=1)
        await client.send(get(extra=UPGRADE))
        await client.head()
        assert await client.exactly(2) == b"hi"
        bench.route(new.address, release=2)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 0.2))
            await client.send(b"still here")
            assert await client.exactly(10) == b"still here"
            assert await client.closed()
        assert drain.result().cut == 1
        assert bench.proxy.stats().in_flight == 0


async def test_a_closed_websocket_ends_the_drain_at_once(bench: Bench) -> None:
    async with upstream(echo) as old, upstream(answering(b"new")) as new, connected(bench.port) as client:
        bench.route(old.address, release=1)
        await client.send(get(extra=UPGRADE))
        await client.head()
        bench.route(new.address, release=2)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 30))
            client.writer.close()
        assert (drain.result().served_by_old, drain.result().cut) == (1, 0)


async def test_a_silent_tunnel_is_closed(make_bench: MakeBench) -> None:
    limits = ProxyLimits(sweep_seconds=0.02, access_batch_seconds=0.01)
    bench = await make_bench(limits=limits)
    async with upstream(echo) as app, connected(bench.port) as client:
        bench.route(app.address, edge=EdgeSettings(tunnel_idle_seconds=0.1))
        await client.send(get(extra=UPGRADE))
        await client.head()
        assert await client.exactly(2) == b"hi"
        assert await client.closed()
