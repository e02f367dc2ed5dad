"""A proxy that closes takes nothing new and lets what it has finish, for a while."""

import asyncio

import pytest

from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream


async def test_what_is_in_flight_finishes_and_idle_connections_close(bench: Bench) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        asked.set()
        await answer.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast")

    async with upstream(serve) as app, connected(bench.port) as busy, connected(bench.port) as idle:
        bench.route(app.address)
        await busy.send(get())
        await idle.send(get(host="nobody.test"))
        assert (await idle.response()).status == 404
        await asked.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.close(5))
            assert await idle.closed()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", bench.port)
            answer.set()
            last = await busy.response()
        assert (last.body, last.field("connection")) == (b"last", b"close")
    assert [record.status for record in bench.records] == [404, 200]


async def test_what_does_not_finish_is_cut(bench: Bench) -> None:
    asked = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        asked.set()
        await conversation.rest()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await asked.wait()
        await bench.proxy.close(0.05)
        assert await client.closed()
        assert bench.proxy.stats().connections == 0


async def test_a_connection_whose_answer_had_begun_is_told_by_the_next_one_before_it_is_closed(bench: Bench) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            begun.set()
            await end.wait()
            await conversation.send(b"lf")

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await begun.wait()
        head = await client.head()
        assert b"Connection: close" not in head
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.close(30, patient_seconds=30))
            await asyncio.sleep(0)
            end.set()
            assert await client.exactly(4) == b"half"
            await client.send(get())
            last = await client.response()
        assert (last.body, last.field("connection")) == (b"half", b"close")
        assert await client.closed()
