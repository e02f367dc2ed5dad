"""What is no clean HTTP/1 request is answered by us, and not one byte of it reaches an app."""

import pytest

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import answering, connected, get, upstream

HOST = b"Host: app.test\r\n"
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(101))

REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "user info in host": (b"GET / HTTP/1.1\r\nHost: me@app.test\r\n\r\n", 400),
    "path in host": (b"GET / HTTP/1.1\r\nHost: app.test/x\r\n\r\n", 400),
    "comma in host": (b"GET / HTTP/1.1\r\nHost: app.test, b.test\r\n\r\n", 400),
    "http 2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http 0.9": (b"GET /\r\n\r\n", 400),
    "http 1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    "half a version": (b"GET / HTTP/1\r\n" + HOST + b"\r\n", 400),
    "other protocol": (b"GET / RTSP/1.0\r\n" + HOST + b"\r\n", 400),
    "connect": (b"CONNECT app.test:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "unknown method": (b"FETCH / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "control character in target": (b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "fragment": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "star without options": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "user info in target": (b"GET http://me@app.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "other scheme": (b"GET ftp://app.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\n" + HOST + b"X : y\r\n\r\n", 400),
    "folded line": (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n\r\n", 400),
    "nul in value": (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\0\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: app.test\n\n", 400),
    "bare LF in head": (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\nZ: 1\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "length and coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding and length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    "two lengths in one": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\na", 400),
    "signed length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na", 400),
    "huge length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\na", 400),
    "coding on 1.0": (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip and chunked": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "empty and chunked": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", None),
    "chunked twice": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", None),
    "upgrade with a body": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\na",
        400,
    ),
    "upgrade of a post": (b"POST / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
    "other expectation": (b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: coffee\r\nContent-Length: 1\r\n\r\na", 417),
    "101 fields": (b"GET / HTTP/1.1\r\n" + HOST + MANY + b"\r\n", 431),
    "large header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 32_768 + b"\r\n\r\n", 431),
    "long target": (b"GET /" + b"a" * 8_192 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "endless target": (b"GET /" + b"a" * 9_000, 414),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_could_be_read_in_two_ways_reaches_nobody(bench: Bench, name: str) -> None:
    wire, status = REFUSED[name]
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(wire + get("/smuggled"))
        client.writer.write_eof()
        answer = await client.response()
        assert status is None or answer.status == status
        assert answer.status in (400, 405, 414, 417, 431, 501, 505)
        assert answer.field("connection") == b"close"
        assert await client.rest() == b""
        assert app.connections == 0


BROKEN_CHUNKS = {
    "no size": b"xyz\r\nabc\r\n",
    "signed size": b"-1\r\nabc\r\n",
    "prefixed size": b"0x3\r\nabc\r\n",
    "size too small": b"2\r\nabc\r\n0\r\n\r\n",
    "empty extension": b"3;\r\nabc\r\n",
    "extension that is no token": b"3;a(b\r\nabc\r\n",
    "bare LF": b"3\nabc\n0\n\n",
    "space before CRLF": b"3 \r\nabc\r\n",
    "endless extension": b"3;" + b"a" * 5_000,
    "many extensions": (b"1;" + b"e" * 1_000 + b"\r\na\r\n") * 5,
    "trailer that is none": b"0\r\nno colon\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X: y\r\n" * 2_000,
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
async def test_a_broken_chunk_ends_the_request_and_the_connection(bench: Bench, name: str) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + BROKEN_CHUNKS[name])
        answer = await client.response()
        assert answer.status == 400
        assert await client.rest() == b""
        assert app.connections == 1


async def test_a_field_with_an_underscore_ends_at_the_gateway(bench: Bench) -> None:
    heads: list[bytes] = []

    async def serve(conversation: object) -> None:
        heads.append(await conversation.head())  # type: ignore[attr-defined]
        await conversation.send(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="Content_Length: 3\r\n"))
        assert (await client.response()).status == 204
    assert b"content_length" not in heads[0].lower()


async def test_what_follows_connection_close_is_not_read(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="Connection: close\r\n") + get("/second"))
        client.writer.write_eof()
        assert (await client.rest()).count(b"hello") == 1
        assert len(await bench.recorded(1)) == 1


async def test_a_header_that_never_ends_is_given_up(make_bench: MakeBench) -> None:
    limits = ProxyLimits(header_seconds=0.1, sweep_seconds=0.02, access_batch_seconds=0.01)
    bench = await make_bench(limits=limits)
    async with connected(bench.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: app")
        assert (await client.response()).status == 408


async def test_an_idle_connection_is_closed_without_a_word(make_bench: MakeBench) -> None:
    limits = ProxyLimits(keep_alive_seconds=0.1, sweep_seconds=0.02, access_batch_seconds=0.01)
    bench = await make_bench(limits=limits)
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).status == 200
        assert await client.rest() == b""
