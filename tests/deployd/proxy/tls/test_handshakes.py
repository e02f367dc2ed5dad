"""Handshakes under way count like connections, so that nobody can hold them all by never ending one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.tls.rig import connected, listen, trusting
from tests.deployd.proxy.wire import Conversation, answering, get, upstream
from tests.deployd.proxy.wire import connected as plainly_connected
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
APP = MAKER.make("app.test").certificate("app.test")
LIMITS = ProxyLimits(connections_per_address=3, handshakes_at_once=5, access_batch_seconds=0.01)
CLIENT_HELLO_BEGUN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
FLOODER, OTHER = "198.51.100.7", "203.0.113.9"


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    bench = await make_bench(trusted=frozenset({"127.0.0.1"}), proxy_protocol=True, limits=LIMITS)
    bench.proxy.certificates.hold([APP])
    return bench


class Crowd:
    """Clients that begin a handshake, from whatever address they say, and leave it at that."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self._port = port
        self._stack = stack

    async def begin(self, ip: str) -> Conversation:
        client = await self._stack.enter_async_context(plainly_connected(self._port))
        await client.send(b"PROXY TCP4 %b 127.0.0.1 5000 443\r\n" % ip.encode() + CLIENT_HELLO_BEGUN)
        return client

    async def is_served(self, ip: str) -> bool:
        """Whether a whole handshake and request from there come to their end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        client = Conversation(reader, writer)
        self._stack.callback(lambda: client.writer.transport.abort())  # Held until then, by TLS or without.
        writer.write(b"PROXY TCP4 %b 127.0.0.1 5000 443\r\n" % ip.encode())
        try:
            await writer.start_tls(trusting(MAKER.root), server_hostname="app.test")
            await client.send(get())
            return (await client.response()).status == 200
        except (OSError, asyncio.IncompleteReadError):
            return False


@asynccontextmanager
async def crowd(bench: Bench) -> AsyncIterator[Crowd]:
    port = await listen(bench)
    async with upstream(answering()) as app, AsyncExitStack() as stack:
        bench.route(app.address)
        yield Crowd(port, stack)


async def under_way(bench: Bench, count: int) -> None:
    async with asyncio.timeout(10):
        while bench.proxy.stats().connections != count:
            await asyncio.sleep(0.005)


async def test_handshakes_that_never_end_take_the_places_of_their_own_address_only(bench: Bench) -> None:
    async with crowd(bench) as clients:
        held = [await clients.begin(FLOODER) for _ in range(3)]
        await under_way(bench, 3)
        assert [await (await clients.begin(FLOODER)).closed() for _ in range(4)] == [True] * 4
        assert not await clients.is_served(FLOODER)
        assert await clients.is_served(OTHER)
        await held[0].close()
        await under_way(bench, 3)  # Two that hang, and the other's connection.
        assert await clients.is_served(FLOODER)


async def test_a_connection_goes_on_counting_when_its_handshake_is_over_and_once(bench: Bench) -> None:
    async with crowd(bench) as clients:
        assert [await clients.is_served(FLOODER) for _ in range(4)] == [True, True, True, False]
    async with asyncio.timeout(10):
        while bench.proxy._plane.peers.open_from(FLOODER):
            await asyncio.sleep(0.005)


async def test_when_there_is_no_room_the_oldest_handshake_gives_way(bench: Bench) -> None:
    async with crowd(bench) as clients:
        held = [await clients.begin(f"198.51.100.{number}") for number in range(1, 6)]
        await under_way(bench, 5)
        assert await clients.is_served(OTHER)
        assert await held[0].closed()
        await under_way(bench, 5)
        assert bench.proxy._plane.peers.open_from("198.51.100.1") == 0


async def test_without_proxy_headers_clients_are_served_and_failed_handshakes_leave_nothing(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(limits=LIMITS)
    bench.proxy.certificates.hold([APP])
    port = await listen(bench)
    async with upstream(answering()) as app:
        bench.route(app.address)
        for _ in range(3):
            async with plainly_connected(port) as broken:
                await broken.send(b"GET / HTTP/1.1\r\n\r\n")
                assert await broken.closed()
        async with connected(port, "app.test", trusting(MAKER.root)) as client:
            await client.send(get())
            assert (await client.response()).status == 200
            await under_way(bench, 1)
