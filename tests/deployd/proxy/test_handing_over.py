"""Connections to the control host belong to deployd's own web server, on the same port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.deployd.proxy.rig import MakeBench
from tests.deployd.proxy.wire import answering, connected, get, upstream


async def handle(request: web.BaseRequest) -> web.Response:
    return web.Response(text=f"control {request.method} {request.path} {await request.text()} {request.remote}")


@asynccontextmanager
async def control() -> AsyncIterator[web.Server]:
    server = web.Server(handle)
    yield server
    await server.shutdown(0)


async def test_one_connection_can_go_from_an_app_to_the_control_host(make_bench: MakeBench) -> None:
    async with control() as server, upstream(answering()) as app:
        bench = await make_bench(control=server)
        bench.route(app.address)
        async with connected(bench.port) as client:
            await client.send(get())
            assert (await client.response()).body == b"hello"
            await client.send(get("/x", host="Control.test:80"))
            assert (await client.response()).body == b"control GET /x  127.0.0.1"
            await client.send(get("/y", host="control.test"))
            assert (await client.response()).body == b"control GET /y  127.0.0.1"


async def test_the_request_is_handed_over_whole(make_bench: MakeBench) -> None:
    wire = b"POST /f HTTP/1.1\r\nHost: control.test\r\nContent-Length: 4\r\n\r\ndata"
    async with control() as server:
        bench = await make_bench(control=server)
        for step in (1, 20, len(wire)):
            async with connected(bench.port) as client:
                for at in range(0, len(wire), step):
                    await client.send(wire[at : at + step])
                assert (await client.response()).body == b"control POST /f data 127.0.0.1"


async def test_pipelined_requests_for_both_are_answered_in_order(make_bench: MakeBench) -> None:
    async with control() as server, upstream(answering()) as app:
        bench = await make_bench(control=server)
        bench.route(app.address)
        async with connected(bench.port) as client:
            await client.send(get() + get("/a", host="control.test") + get("/b", host="control.test"))
            bodies = [(await client.response()).body for _ in range(3)]
            assert bodies == [b"hello", b"control GET /a  127.0.0.1", b"control GET /b  127.0.0.1"]


async def test_many_at_once(make_bench: MakeBench) -> None:
    async with control() as server, upstream(answering()) as app:
        bench = await make_bench(control=server)
        bench.route(app.address)
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

            async def ask(host: str, start: str) -> None:
                url = f"http://127.0.0.1:{bench.port}/"
                async with session.get(url, headers={"Host": host}) as response:
                    assert (await response.text()).startswith(start)

            for _ in range(20):
                group.create_task(ask("app.test", "hello"))
                group.create_task(ask("control.test", "control"))
