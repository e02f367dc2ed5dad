"""Bodies of any size pass through a bounded amount of memory, in both directions."""

import asyncio

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream

PIECE = b"x" * 65_536
SIZE = 64 * 1_048_576
MOST_BUFFERED = 16 * 1_048_576  # the kernel's buffers on four sockets, and ours


async def stalled(count: list[int]) -> int:
    """Waits until a counter has stopped growing."""
    last = -1
    while last != count[0]:
        last = count[0]
        await asyncio.sleep(0.1)
    return last


async def pump(conversation: Conversation, sent: list[int]) -> None:
    while sent[0] < SIZE:
        await conversation.send(PIECE)
        sent[0] += len(PIECE)


async def test_a_slow_reader_slows_the_app(bench: Bench) -> None:
    sent = [0]

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        await pump(conversation, sent)

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await client.head()
        assert 0 < await stalled(sent) < MOST_BUFFERED
        left = SIZE
        while left:
            data = await client.reader.read(1_048_576)
            assert data
            left -= len(data)
        await client.send(get())
        assert b"200 OK" in await client.head()


async def test_a_slow_app_slows_the_upload(bench: Bench) -> None:
    sent = [0]
    read_on = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.head()
        await read_on.wait()
        left = SIZE
        while left:
            left -= len(await conversation.reader.read(1_048_576))
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"PUT / HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % SIZE)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(client, sent))
            assert 0 < await stalled(sent) < MOST_BUFFERED
            read_on.set()
        assert (await client.response()).body == b"done"


async def test_pipelined_requests_wait_for_their_turn(bench: Bench) -> None:
    at_once = most = 0

    async def serve(conversation: Conversation) -> None:
        nonlocal at_once, most
        while True:
            request = await conversation.request()
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            body = request.target
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"".join(get(f"/{number}") for number in range(200)))
        answers = [(await client.response()).body for _ in range(200)]
        assert answers == [b"/%d" % number for number in range(200)]
        assert most == 1


async def test_a_client_that_never_reads_its_pipelined_answers_stops_getting_more(bench: Bench) -> None:
    answered = [0]
    body = b"y" * 60_000

    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            answered[0] += 1

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get() * 1_000)
        assert 0 < await stalled(answered) < MOST_BUFFERED // len(body)
        for _ in range(1_000):
            assert (await client.response()).body == body


async def test_a_reader_that_stops_for_good_is_let_go(make_bench: MakeBench) -> None:
    limits = ProxyLimits(body_idle_seconds=0.2, sweep_seconds=0.02, access_batch_seconds=0.01)
    bench = await make_bench(limits=limits)
    sent = [0]

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        await pump(conversation, sent)

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        record = (await bench.recorded(1))[0]
        assert (record.status, record.sent_bytes < SIZE) == (200, True)
