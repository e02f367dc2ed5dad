"""What a request may not be, read whole, byte by byte and cut at every offset: the answer stays the same."""

import re

import pytest

from deployd.proxy.limits import ProxyLimits
from deployd.proxy.refused import Refused
from deployd.proxy.request_head import parse_request
from tests.deployd.proxy.memory import MemoryApp, MemoryClient, cuts, routed
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.test_refusing import REFUSED

HOST = b"Host: app.test\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.1 [0-9]{3} ")
LONG = 600
ANSWERED = (400, 405, 413, 414, 417, 431, 501, 505)

ALSO_REFUSED = {
    "trace": (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "ICE": (b"GET / ICE/1.1\r\n" + HOST + b"\r\n", 400),
    "HTTP/2.0 with a path": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "backslash in the path": (b"GET /a\\..\\b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "letters that are not ASCII in the path": ("GET /caf\u00e9 HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "octal length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 010\r\n\r\n12345678", 400),
    "two zeros for a length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 00\r\n\r\n", 400),
    "hexadecimal length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "length with an underscore": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\nhelloworld", 400),
    "empty length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
    "chunked before another coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        None,
    ),
    "two codings in two fields": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        None,
    ),
    "a coding behind a vertical tab": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "a coding on a folded line": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n", 400),
    "a coding with parameters": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked;a=b\r\n\r\n", None),
    "an upgrade with a chunked body": (
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "fragment in an absolute target": (b"GET http://app.test/#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a space in an absolute target": (b"GET http://app.test/a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target that is a word": (b"GET app.test HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two hosts in one absolute target": (b"GET http://app.test,b.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tab for a space": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CR alone": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n", 400),
    "a field without a name": (b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n", 400),
    "a line that is no field": (b"GET / HTTP/1.1\r\n" + HOST + b"word\r\n\r\n", 400),
    "a field before the host that starts with a space": (b"GET / HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n", 400),
    "lower case": (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "lower case version": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
}
SHORT = {name: wire for name, (wire, _) in (REFUSED | ALSO_REFUSED).items() if len(wire) < LONG}


@pytest.mark.parametrize("name", SHORT)
async def test_a_refusal_does_not_depend_on_how_the_wire_cuts_the_request(bench: Bench, name: str) -> None:
    plane = routed(bench)
    app = MemoryApp(plane)
    seen = set()
    for pieces in cuts(SHORT[name] + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"):
        client = MemoryClient(plane)
        client.send(*pieces)
        assert len(STATUS_LINE.findall(client.answers)) == 1
        assert b"\r\nConnection: close\r\n" in client.answers
        seen.add(int(client.answers[9:12]))
        client.leave()
    assert seen <= set(ANSWERED)
    assert len(seen) == 1
    assert app.asked == b""


@pytest.mark.parametrize("name", ALSO_REFUSED)
def test_the_status_says_whose_fault_it_is(name: str) -> None:
    wire, status = ALSO_REFUSED[name]
    with pytest.raises(Refused) as refused:
        parse_request(wire[: wire.index(b"\r\n\r\n") + 4], ProxyLimits())
    assert status in (None, refused.value.status)
    assert refused.value.status in ANSWERED


WIRE = (
    b"\r\nPOST /a?b=%20c HTTP/1.1\r\nHost: app.test\r\nX-Odd:  two  \r\nContent-Length: 5\r\n\r\nhello"
    b"PUT /c HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n"
    b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n"
    b"GET /last HTTP/1.1\r\nHost: app.test\r\n\r\n"
)


async def test_pipelined_requests_are_told_apart_at_every_cut(bench: Bench) -> None:
    plane = routed(bench)
    for pieces in cuts(WIRE):
        app, client = MemoryApp(plane), MemoryClient(plane)
        left = list(pieces)
        for answered in range(1, 4):
            while left and app.asked.count(b"X-Request-ID:") < answered:
                client.transport.reading = True  # what a socket would hold back until it is wanted
                client.send(left.pop(0))
            while left and not _whole(app.asked, answered):
                client.send(left.pop(0))
            assert _whole(app.asked, answered), pieces
            app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % answered)
        assert client.answers.count(b"HTTP/1.1 200 OK") == 3
        assert b"X-T" not in app.asked
        assert b"X-Odd:  two  \r\n" in app.asked
        assert app.is_usable
        app.leave()
        client.leave()


def _whole(asked: bytes, count: int) -> bool:
    """Whether the app has all of that many requests."""
    ends = (b"\r\n\r\nhello", b"0\r\n\r\n", b"\r\n\r\n")
    return (
        asked.count(b"X-Request-ID:") == count and asked.endswith(ends[count - 1]) and (count != 2 or _decoded(asked))
    )


def _decoded(asked: bytes) -> bool:
    body = asked[asked.index(b"PUT /c") :].partition(b"\r\n\r\n")[2]
    return body.replace(b"\r\n", b"").endswith(b"0") and all(part in body for part in (b"a", b"b", b"c", b"9"))


async def test_a_websocket_with_a_body_is_refused_and_what_follows_is_no_request(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    head = b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n"
    client.send(head + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
    assert client.answers.startswith(b"HTTP/1.1 400 ")
    assert client.answers.count(b"HTTP/1.1 ") == 1
    assert app.asked == b""


@pytest.mark.parametrize("upgrade", ["h2c", "TLS/1.0", "foo, websocket"])
async def test_an_upgrade_to_anything_else_is_an_ordinary_request(bench: Bench, upgrade: str) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    fields = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    client.send(b"GET / HTTP/1.1\r\n" + HOST + fields.encode())
    assert b"pgrade" not in app.asked
    assert b"HTTP2-Settings" not in app.asked


async def test_an_upgrade_of_an_old_client_is_ignored(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"GET / HTTP/1.0\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert b"pgrade" not in app.asked


async def test_many_requests_in_one_segment_leave_others_their_turn(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(requests_per_turn=8, access_batch_seconds=0.01))
    client = MemoryClient(routed(bench))
    client.send(b"GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n" * 100)
    assert client.answers.count(b"HTTP/1.1 404") == 8
    assert not client.transport.reading
    await bench.recorded(100)
    assert client.answers.count(b"HTTP/1.1 404") == 100
    assert client.transport.reading


async def test_a_header_in_small_pieces_costs_no_more_than_its_limit(bench: Bench) -> None:
    plane = routed(bench)
    client = MemoryClient(plane)
    client.send(b"GET / HTTP/1.1\r\nX: ", *([b"y" * 16] * 10_000))
    assert client.answers.startswith(b"HTTP/1.1 431 ")
    assert client.connection.buffer == b""
