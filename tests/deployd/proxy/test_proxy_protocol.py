"""PROXY headers in both versions: read in any split, refused as soon as they are none; then whole connections."""

import asyncio
import socket
import struct

import pytest

from deployd.proxy.limits import ProxyLimits
from deployd.proxy.proxy_protocol import LONGEST, SIGNATURE, Malformed, Preamble, looks_like_preamble, read_preamble
from tests.deployd.proxy.rig import MakeBench
from tests.deployd.proxy.tls.rig import listen, trusting
from tests.deployd.proxy.wire import Conversation, Received, Serve, answering, connected, get, upstream
from tests.support.certificate_maker import CertificateMaker

IPV4 = bytes([9, 8, 7, 6, 127, 0, 0, 1]) + struct.pack("!HH", 5000, 80)
IPV6 = bytes(15) + b"\x01" + bytes(15) + b"\x02" + struct.pack("!HH", 5000, 80)
TLV = b"\x04\x00\x03abc"


def version_2(command: int, kind: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


GOOD = {
    b"PROXY TCP4 9.8.7.6 127.0.0.1 5000 80\r\n": "9.8.7.6",
    b"PROXY TCP6 2001:db8::1 ::1 5000 80\r\n": "2001:db8::1",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n": None,
    version_2(0x21, 0x11, IPV4): "9.8.7.6",
    version_2(0x21, 0x11, IPV4 + TLV): "9.8.7.6",
    version_2(0x21, 0x21, IPV6): "::1",
    version_2(0x21, 0x00, b""): None,
    version_2(0x21, 0x31, bytes(216)): None,
    version_2(0x20, 0x00, b""): None,
    version_2(0x20, 0x11, IPV4): None,
}
BAD = (
    b"GET / HTTP/1.1\r\n",
    b"PROXIED",
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 9.8.7.6 127.0.0.1 5000\r\n",
    b"PROXY TCP4 9.8.7 127.0.0.1 5000 80\r\n",
    b"PROXY TCP4 ::1 ::1 5000 80\r\n",
    b"PROXY TCP6 9.8.7.6 127.0.0.1 5000 80\r\n",
    b"PROXY TCP4 9.8.7.6 127.0.0.1 66000 80\r\n",
    b"PROXY TCP4 9.8.7.6 127.0.0.1 -1 80\r\n",
    b"PROXY TCP4  9.8.7.6 127.0.0.1 5000 80\r\n",
    b"PROXY TCP4 9.8.7.6 127.0.0.1 5000 80 \r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY TCP4 9.8.7.6 127.0.0.1 5000 80\n" + b"x" * 107,
    b"PROXY UNKNOWN " + b"x" * 107,
    version_2(0x22, 0x11, IPV4),
    version_2(0x11, 0x11, IPV4),
    version_2(0x21, 0x11, IPV4[:-1]),
    version_2(0x21, 0x21, IPV4),
    version_2(0x21, 0x11, bytes(LONGEST)),
)


@pytest.mark.parametrize("header", GOOD)
def test_a_header_is_read_whatever_has_arrived_behind_it(header: bytes) -> None:
    for behind in (b"", b"\x16\x03", b"GET / HTTP/1.1\r\n\r\n"):
        assert read_preamble(header + behind) == Preamble(GOOD[header], len(header))


@pytest.mark.parametrize("header", GOOD)
def test_every_start_of_a_header_is_waited_on(header: bytes) -> None:
    for end in range(len(header)):
        assert read_preamble(header[:end]) is None
        assert looks_like_preamble(header[:end])


@pytest.mark.parametrize("header", BAD)
def test_what_is_no_header_is_refused(header: bytes) -> None:
    with pytest.raises(Malformed):
        read_preamble(header)


def test_no_request_and_no_handshake_looks_like_a_header() -> None:
    for start in (b"GET /", b"POST /", b"PUT /", b"PATCH /", b"P\r\n", b"\r\nGET", b"\x16\x03\x01"):
        assert not looks_like_preamble(start)


def echoing(received: list[Received]) -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            received.append(await conversation.request())
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    return serve


TRUSTING = frozenset({"127.0.0.0/8"})


@pytest.mark.parametrize("header", [header for header, ip in GOOD.items() if ip is not None])
async def test_the_client_is_who_the_header_names(make_bench: MakeBench, header: bytes) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(header + get(extra="X-Forwarded-For: 1.1.1.1\r\n"))
        assert (await client.response()).status == 200
    client_ip = GOOD[header]
    assert (received[0].field("x-forwarded-for") or b"").decode() == client_ip
    assert (await bench.recorded(1))[0].client == client_ip


async def test_a_header_may_come_byte_by_byte(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    header = b"PROXY TCP4 9.8.7.6 127.0.0.1 5000 80\r\n"
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        for byte in header + get():
            await client.send(bytes([byte]))
        assert (await client.response()).body == b"hello"
    assert (await bench.recorded(1))[0].client == "9.8.7.6"


async def test_a_proxy_that_speaks_for_itself_may_still_forward(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(version_2(0x20, 0, b"") + get(extra="X-Forwarded-For: 1.1.1.1\r\n"))
        await client.response()
    assert (await bench.recorded(1))[0].client == "1.1.1.1"


async def test_a_broken_header_ends_the_connection_without_an_answer(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    for bad in (b"PROXY TCP4 nonsense\r\n" + get(), version_2(0x55, 0x11, IPV4) + get()):
        async with connected(bench.port) as client:
            await client.send(bad)
            assert await client.closed()


async def test_a_header_that_does_not_come_to_its_end_is_not_waited_for(make_bench: MakeBench) -> None:
    limits = ProxyLimits(header_seconds=0.1, access_batch_seconds=0.01)
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True, limits=limits)
    async with connected(bench.port) as client, connected(bench.port) as leaving:
        await client.send(b"PROXY TCP4 9.8")
        await leaving.send(b"PROXY TCP4 9.8")
        leaving.writer.write_eof()
        assert await leaving.closed()
        assert await client.closed()


async def test_from_this_host_the_header_may_be_left_out(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).body == b"hello"
    assert (await bench.recorded(1))[0].client == "127.0.0.1"


async def test_a_header_of_one_who_is_not_trusted_is_no_request(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=frozenset({"10.0.0.0/8"}), proxy_protocol=True)
    async with upstream(answering()) as app, connected(bench.port) as client, connected(bench.port) as plain:
        bench.route(app.address)
        await client.send(b"PROXY TCP4 9.8.7.6 127.0.0.1 5000 80\r\n" + get())
        assert (await client.response()).status >= 400
        await plain.send(get())
        assert (await plain.response()).status == 200
    assert [record.client for record in await bench.recorded(1)] == ["127.0.0.1"]


async def test_behind_the_header_a_tls_handshake_is_found_untouched(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    maker = CertificateMaker()
    bench.proxy.certificates.hold([maker.make("app.test").certificate("app.test")])
    port = await listen(bench)
    received: list[Received] = []
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setblocking(False)
        async with upstream(echoing(received)) as app:
            bench.route(app.address)
            await loop.sock_sendall(raw, version_2(0x21, 0x11, IPV4))
            reader, writer = await asyncio.open_connection(
                sock=raw.dup(), ssl=trusting(maker.root), server_hostname="app.test"
            )
            client = Conversation(reader, writer)
            await client.send(get())
            assert (await client.response()).status == 200
            await client.close()
    assert received[0].field("x-forwarded-proto") == b"https"
    assert (await bench.recorded(1))[0].client == "9.8.7.6"


async def test_what_is_no_handshake_ends_the_connection(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=TRUSTING, proxy_protocol=True)
    port = await listen(bench)
    async with connected(port) as client:
        await client.send(version_2(0x21, 0x11, IPV4) + get())
        assert await client.closed()
