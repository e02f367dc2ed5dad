"""Which requests share connections to the app, and apps behind unix sockets."""

import asyncio
from pathlib import Path

import pytest

from deployd.domain.edge import EdgeSettings, Reuse
from deployd.domain.route import Address
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream

POST = b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("reuse", "requests", "connections"),
    [
        (Reuse.NEVER, [get(), get()], [2, 4]),
        (Reuse.NEVER, [POST, POST], [2, 4]),
        (Reuse.SAFE, [get(), get()], [1, 1]),
        (Reuse.SAFE, [POST, POST], [1, 2]),
        (Reuse.SAFE, [get(), POST], [1, 1]),
        (Reuse.AGGRESSIVE, [POST, POST], [1, 1]),
    ],
)
async def test_the_reuse_policy_says_who_may_share_a_connection(
    bench: Bench, reuse: Reuse, requests: list[bytes], connections: list[int]
) -> None:
    """Two clients, one after the other, send these requests; `connections` is what the app had seen after each."""
    seen = []
    async with upstream(answering()) as app:
        bench.route(app.address, edge=EdgeSettings(reuse=reuse))
        for _ in connections:
            async with connected(bench.port) as client:
                for request in requests:
                    await client.send(request)
                    assert (await client.response()).status == 200
            seen.append(app.connections)
    assert seen == connections


async def test_only_aggressive_reuse_sends_what_cannot_be_repeated_over_an_old_connection(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(limits=ProxyLimits(unsafe_reuse_seconds=-1.0, access_batch_seconds=0.01))
    for reuse, connections in ((Reuse.SAFE, 2), (Reuse.AGGRESSIVE, 1)):
        async with upstream(answering()) as app, connected(bench.port) as client:
            bench.route(app.address, edge=EdgeSettings(reuse=reuse))
            for _ in range(2):
                await client.send(POST)
                assert (await client.response()).status == 200
            assert app.connections == connections


async def test_a_policy_that_forbids_pooling_closes_what_was_pooled(bench: Bench) -> None:
    ended = asyncio.Event()

    async def until_closed(conversation: Conversation) -> None:
        try:
            await answering()(conversation)
        finally:
            ended.set()

    async with upstream(until_closed) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await client.response()
        assert not ended.is_set()
        bench.route(app.address, edge=EdgeSettings(reuse=Reuse.NEVER))
        async with asyncio.timeout(5):
            await ended.wait()


async def test_an_app_may_listen_at_a_unix_socket(bench: Bench, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer)
        try:
            await answering(b"unix")(conversation)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    path = str(tmp_path / "app.sock")
    server = await asyncio.start_unix_server(serve, path)
    try:
        async with connected(bench.port) as client:
            bench.route(Address(path=path))
            for _ in range(2):
                await client.send(get())
                assert (await client.response()).body == b"unix"
        assert [record.target for record in await bench.recorded(2)] == [f"unix:{path}"] * 2
    finally:
        bench.route()
        server.close()


async def test_a_unix_socket_that_is_not_there_is_a_502(bench: Bench, tmp_path: Path) -> None:
    async with connected(bench.port) as client:
        bench.route(Address(path=str(tmp_path / "none.sock")))
        await client.send(get())
        assert (await client.response()).status == 502
