"""Answers reach a client that wants them compressed smaller, whole, in time, and in a bounded amount of memory."""

import asyncio
import json
import random
import time
import zlib

import brotli
import pytest
import zstandard

from deployd.domain.edge import EdgeSettings
from deployd.proxy.compressors import ON_THE_SPOT, Compressors
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.memory import plane_of
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, Received, Serve, answering, connected, get, upstream

MEBIBYTE = 1_048_576
JSON = b"Content-Type: application/json\r\n"
_DICE = random.Random(7)


def text(size: int) -> bytes:
    rows = b"".join(json.dumps({"row": n, "key": _DICE.randbytes(4).hex()}).encode() for n in range(size // 30))
    return rows[:size]


SMALL, MIDDLE, LARGE = text(2_000), text(ON_THE_SPOT + 5_000), text(3 * MEBIBYTE)


def plain(coding: bytes | None, body: bytes) -> bytes:
    if coding == b"gzip":
        return zlib.decompress(body, 31)
    if coding == b"zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    if coding == b"br":
        return bytes(brotli.decompress(body))
    assert coding is None
    return body


def chunking(*pieces: bytes, extra: bytes = JSON) -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%b\r\n" % extra)
            for piece in pieces:
                await conversation.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await conversation.send(b"0\r\n\r\n")

    return serve


async def asked(bench: Bench, accept: str, method: str = "GET", version: str = "1.1") -> Received:
    async with connected(bench.port) as client:
        fields = f"Host: app.test\r\nAccept-Encoding: {accept}\r\n" if accept else "Host: app.test\r\n"
        await client.send(f"{method} / HTTP/{version}\r\n{fields}\r\n".encode())
        return await client.response(method)


@pytest.mark.parametrize("coding", [b"gzip", b"zstd", b"br"])
@pytest.mark.parametrize("body", [SMALL, MIDDLE, LARGE], ids=["small", "middle", "large"])
@pytest.mark.parametrize("framing", ["counted", "chunked"])
async def test_what_is_compressed_is_the_same_when_it_is_unpacked(
    bench: Bench, coding: bytes, body: bytes, framing: str
) -> None:
    serve = answering(body, JSON) if framing == "counted" else chunking(body[:700], body[700:])
    async with upstream(serve) as app:
        bench.route(app.address)
        answer = await asked(bench, coding.decode())
        assert answer.field("content-encoding") == coding
        assert answer.field("vary") == b"Accept-Encoding"
        assert len(answer.body) < len(body) * 0.7
        assert plain(coding, answer.body) == body


async def test_an_answer_that_ends_with_its_connection_is_compressed_to_the_end(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (JSON, LARGE))
        await conversation.close()

    async with upstream(serve) as app:
        bench.route(app.address)
        answer = await asked(bench, "gzip")
        assert plain(b"gzip", answer.body) == LARGE


async def test_many_answers_on_one_connection_keep_apart(bench: Bench) -> None:
    async with upstream(chunking(MIDDLE, SMALL)) as app, connected(bench.port) as client:
        bench.route(app.address)
        for accept in ("gzip", "identity", "zstd", "br", "gzip"):
            await client.send(get(extra=f"Accept-Encoding: {accept}\r\n"))
            answer = await client.response()
            assert plain(answer.field("content-encoding"), answer.body) == MIDDLE + SMALL
    assert plane_of(bench).compressors.streams == 0


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.2, br;q=0.8", b"br"),
        ("gzip, deflate, br, zstd", b"zstd"),
        ("*", b"zstd"),
        ("nonsense;;", None),
    ],
)
async def test_the_client_decides(bench: Bench, accept: str, coding: bytes | None) -> None:
    async with upstream(answering(MIDDLE, JSON)) as app:
        bench.route(app.address)
        answer = await asked(bench, accept)
        assert answer.field("content-encoding") == coding
        assert plain(coding, answer.body) == MIDDLE


@pytest.mark.parametrize(
    ("body", "extra"),
    [
        (SMALL[:1_000], JSON),
        (SMALL, b"Content-Type: image/png\r\n"),
        (SMALL, JSON + b"Cache-Control: no-transform\r\n"),
        (SMALL, JSON + b"Content-Encoding: made-up\r\n"),
        (random.Random(3).randbytes(5_000), JSON),
    ],
    ids=["short", "picture", "no-transform", "encoded", "does not shrink"],
)
async def test_some_bodies_pass_as_they_are(bench: Bench, body: bytes, extra: bytes) -> None:
    async with upstream(answering(body, extra)) as app:
        bench.route(app.address)
        answer = await asked(bench, "gzip, br, zstd")
        assert (answer.body, answer.field("content-length")) == (body, b"%d" % len(body))
        assert answer.field("content-encoding") in (None, b"made-up")


async def test_an_app_can_do_without(bench: Bench) -> None:
    async with upstream(answering(SMALL, JSON)) as app:
        bench.route(app.address, edge=EdgeSettings(compress=False))
        assert (await asked(bench, "gzip")).body == SMALL


async def test_a_client_of_http_1_0_gets_it_plain(bench: Bench) -> None:
    async with upstream(chunking(SMALL)) as app:
        bench.route(app.address)
        answer = await asked(bench, "gzip", version="1.0")
        assert (answer.body, answer.field("content-encoding")) == (SMALL, None)


async def test_an_answer_to_head_stays_as_it_is(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n%b\r\n" % JSON)

    async with upstream(serve) as app:
        bench.route(app.address)
        answer = await asked(bench, "gzip", method="HEAD")
        assert (answer.field("content-length"), answer.field("content-encoding")) == (b"5000", None)


@pytest.mark.parametrize(
    ("extra", "packed"), [(JSON, True), (b"Content-Type: text/event-stream\r\n", False)], ids=["stream", "events"]
)
async def test_every_piece_of_a_stream_is_there_within_20_ms(bench: Bench, extra: bytes, packed: bool) -> None:
    go_on = asyncio.Queue[bytes]()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%b\r\n" % extra)
        while True:
            piece = await go_on.get()
            await conversation.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    loop = asyncio.get_running_loop()
    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="Accept-Encoding: gzip\r\n"))
        head = await client.head()
        assert (b"Content-Encoding: gzip" in head) == packed
        unpack = zlib.decompressobj(31)
        waited = []
        for number in range(20):
            event = b"data: event %d\n\n" % number
            sent = loop.time()
            go_on.put_nowait(event)
            seen = b""
            while seen != event:
                size = int((await client.reader.readuntil(b"\r\n"))[:-2], 16)
                piece = (await client.exactly(size + 2))[:-2]
                seen += unpack.decompress(piece) if packed else piece
            waited.append(loop.time() - sent)
        assert sorted(waited)[10] < 0.020, waited


async def test_a_slow_reader_slows_the_app(bench: Bench) -> None:
    sent = 0
    piece = random.Random(5).randbytes(MEBIBYTE // 2).hex().encode()

    async def serve(conversation: Conversation) -> None:
        nonlocal sent
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (100 * len(piece), JSON))
        for _ in range(100):
            await conversation.send(piece)
            sent += 1

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="Accept-Encoding: gzip\r\n"))
        await client.head()
        last = -1
        while last != sent:
            last = sent
            await asyncio.sleep(0.3)
        assert 0 < sent < 50
        body = await client._chunks()
        assert zlib.decompress(body, 31) == piece * 100


async def test_a_client_that_leaves_in_the_middle_frees_its_compressor(bench: Bench) -> None:
    async with upstream(chunking(LARGE, LARGE)) as app:
        bench.route(app.address)
        async with connected(bench.port) as client:
            await client.send(get(extra="Accept-Encoding: gzip\r\n"))
            await client.head()
        record = (await bench.recorded(1))[0]
        assert record.status == 200
        assert plane_of(bench).compressors.streams == 0


async def test_an_app_that_breaks_off_is_not_taken_for_one_that_was_done(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n%b\r\n%b" % (JSON, MIDDLE))
        conversation.writer.transport.abort()

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="Accept-Encoding: gzip\r\n"))
        await client.head()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client._chunks()
        assert (await bench.recorded(1))[0].failed


async def test_beyond_the_bound_answers_are_sent_plain(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(compressed_at_once=1, access_batch_seconds=0.01))
    held = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (len(MIDDLE), JSON))
        await conversation.send(MIDDLE[:100])
        await held.wait()
        await conversation.send(MIDDLE[100:])

    async with upstream(serve) as app, connected(bench.port) as first, connected(bench.port) as second:
        bench.route(app.address)
        await first.send(get(extra="Accept-Encoding: gzip\r\n"))
        assert b"Content-Encoding" in await first.head()
        await second.send(get(extra="Accept-Encoding: gzip\r\n"))
        assert b"Content-Encoding" not in await second.head()
        held.set()
        assert zlib.decompress(await first._chunks(), 31) == MIDDLE
        assert await second.exactly(len(MIDDLE)) == MIDDLE


async def test_big_pieces_are_compressed_outside_the_loop(bench: Bench) -> None:
    """The loop's thread works less for a relayed answer than compressing it alone takes."""
    body = random.Random(6).randbytes(4 * MEBIBYTE).hex().encode()
    began = time.thread_time()
    whole = Compressors(1).whole(b"gzip", body)
    alone = time.thread_time() - began
    async with upstream(answering(body, JSON)) as app, connected(bench.port) as client:
        bench.route(app.address)
        began = time.thread_time()
        await client.send(get(extra="Accept-Encoding: gzip\r\n"))
        await client.head()
        left = len(whole) * 9 // 10
        while left > 0:
            left -= len(await client.reader.read(MEBIBYTE))
        assert time.thread_time() - began < alone / 2
