"""WebSockets are asked to leave one after another while a drain goes on, each between two of its frames."""

import asyncio
import itertools

import aiohttp
from aiohttp import web

from deployd.domain.route import Address
from deployd.proxy.leaving import ask_to_leave
from deployd.proxy.websocket_frames import GOING_AWAY
from tests.deployd.proxy.rig import APP, Bench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
HELLO = b"\x81\x05hello"
CLIENT_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe9"


class Speaking:
    """An app that sends what the test says, and keeps what it gets."""

    def __init__(self) -> None:
        self.received = b""
        self.ended = asyncio.Event()
        self.conversation: Conversation | None = None

    async def serve(self, conversation: Conversation) -> None:
        await conversation.request()
        self.conversation = conversation
        await conversation.send(ACCEPTED + HELLO)
        while data := await conversation.reader.read(65_536):
            self.received += data
            if CLIENT_CLOSE in self.received:
                break
        self.ended.set()

    async def say(self, data: bytes) -> None:
        assert self.conversation is not None
        await self.conversation.send(data)


class Guest:
    def __init__(self, left: list[float]) -> None:
        self._left = left

    def leave(self) -> None:
        self._left.append(asyncio.get_running_loop().time())


async def test_they_are_asked_evenly_over_the_time_there_is() -> None:
    left: list[float] = []
    started = asyncio.get_running_loop().time()
    await ask_to_leave([Guest(left) for _ in range(5)], 0.5)
    steps = [round(at - started, 1) for at in left]
    assert len(steps) == 5
    assert steps[0] == 0
    assert all(later - before > 0.05 for before, later in itertools.pairwise(left))


async def test_more_than_the_clock_can_tell_apart_leave_in_groups() -> None:
    left: list[float] = []
    await ask_to_leave([Guest(left) for _ in range(10_000)], 0.2)
    assert len(left) == 10_000


async def test_no_time_and_nobody_are_no_trouble() -> None:
    left: list[float] = []
    await ask_to_leave([Guest(left) for _ in range(3)], 0)
    await ask_to_leave([], 1)
    assert len(left) == 3


async def test_a_client_is_told_1001_and_its_own_close_reaches_the_app(bench: Bench) -> None:
    app = Speaking()
    async with upstream(app.serve) as old, upstream(answering(b"new")) as new, connected(bench.port) as client:
        bench.route(old.address, release=1)
        await client.send(get(extra=UPGRADE))
        await client.head()
        assert await client.exactly(len(HELLO)) == HELLO
        bench.route(new.address, release=2)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 3))
            assert await client.exactly(len(GOING_AWAY)) == GOING_AWAY
            await app.say(HELLO)  # too late: nothing may follow a Close
            await client.send(b"\x81\x80\x00\x00\x00\x00" + CLIENT_CLOSE)
            assert await client.closed()
        assert app.received.endswith(CLIENT_CLOSE)
        report = drain.result()
        assert (report.served_by_old, report.cut, report.failed) == (1, 0, 0)
        assert report.drain_seconds < 5


async def test_the_goodbye_waits_for_the_end_of_the_frame_under_way(bench: Bench) -> None:
    app = Speaking()
    async with upstream(app.serve) as old, upstream(answering(b"new")) as new, connected(bench.port) as client:
        bench.route(old.address, release=1)
        await client.send(get(extra=UPGRADE))
        await client.head()
        await client.exactly(len(HELLO))
        await app.say(b"\x82\x7e\x01")
        assert await client.exactly(3) == b"\x82\x7e\x01"
        bench.route(new.address, release=2)
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.drain(APP, 3))
            await app.say(b"\x00" + b"x" * 200)
            assert await client.exactly(201) == b"\x00" + b"x" * 200
            await app.say(b"x" * 56 + HELLO)
            assert await client.exactly(60) == b"x" * 56 + GOING_AWAY
            await client.send(CLIENT_CLOSE)
            assert await client.closed()


async def test_a_client_that_does_not_listen_is_cut_at_the_deadline(bench: Bench) -> None:
    app = Speaking()
    async with upstream(app.serve) as old, upstream(answering(b"new")) as new, connected(bench.port) as client:
        bench.route(old.address, release=1)
        await client.send(get(extra=UPGRADE))
        await client.head()
        await client.exactly(len(HELLO))
        bench.route(new.address, release=2)
        report = await bench.proxy.drain(APP, 0.1)
        assert await client.exactly(len(GOING_AWAY)) == GOING_AWAY
        assert await client.closed()
        assert report.cut == 1


async def test_a_real_client_and_a_real_app_part_in_order(bench: Bench) -> None:
    ended: list[int | None] = []  # the close codes that the app saw

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        ended.append(socket.close_code)
        return socket

    runner = web.ServerRunner(web.Server(handle))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bench.route(Address(host="127.0.0.1", port=runner.addresses[0][1]), release=1)
    url = f"ws://127.0.0.1:{bench.port}/"
    async with (
        upstream(answering(b"new")) as new,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"Host": "app.test"}) as first,
        session.ws_connect(url, headers={"Host": "app.test"}) as second,
    ):
        for socket in (first, second):
            await socket.send_str("x" * 70_000)
            assert len(await socket.receive_str()) == 70_000
        bench.route(new.address, release=2)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 1))
            closes = [(await socket.receive()).data for socket in (first, second)]
        assert closes == [1001, 1001]
        assert (drain.result().served_by_old, drain.result().cut) == (2, 0)
        assert 0.3 < drain.result().drain_seconds < 1
    assert len(ended) == 2
    await runner.cleanup()


async def test_a_proxy_that_closes_asks_its_websockets_to_leave(bench: Bench) -> None:
    app = Speaking()
    async with upstream(app.serve) as old, connected(bench.port) as client:
        bench.route(old.address)
        await client.send(get(extra=UPGRADE))
        await client.head()
        await client.exactly(len(HELLO))
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.close(3))
            assert await client.exactly(len(GOING_AWAY)) == GOING_AWAY
            await client.send(CLIENT_CLOSE)
            assert await client.closed()
