"""Bytes that nobody thought of: nothing fails inside, nobody gets another's bytes, nothing grows without bound."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import h11
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.plane import Plane
from deployd.proxy.refused import Refused
from deployd.proxy.request_head import CHUNKED, parse_request
from deployd.proxy.response_head import UNTIL_CLOSE, parse_response
from tests.deployd.proxy.memory import MemoryApp, MemoryClient, routed
from tests.deployd.proxy.rig import QUICK_RECORDS, Bench, no_control

SAME_EVERYWHERE = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LIMITS = ProxyLimits()
MOST_KEPT = LIMITS.header_bytes + 65_536

REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: app.test\r\nX-Tag: mine\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\n\r\nmine",
    b"POST /c HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nmine\r\n0\r\nT: mine\r\n\r\n",
    b"GET /d HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HEAD http://app.test/e HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    b"PUT /f HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nmine",
    b"OPTIONS * HTTP/1.1\r\nHost: nobody.test\r\nConnection: close, X-Tag\r\nX-Tag: mine\r\n\r\n",
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nmi\r\n2\r\nne\r\n0\r\nT: mine\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <mine>\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: mine\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nmine",
    b"HTTP/1.0 200 OK\r\n\r\nmine until the end",
    b"HTTP/1.1 204 No Content\r\nConnection: close, X-Tag\r\nX-Tag: mine\r\n\r\n",
)
SCRAPS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"0", b"5", b"-", b"+", b"\0", b"\x0b", b"\x80",
    b"#", b"\\", b"Content-Length: 4\r\n", b"Content-Length: 40\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: websocket\r\n", b"Host: other.test\r\n", b" folded\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / ",
    b"0\r\n\r\n", b"ffffffffffffffff", b"a" * 9_000, b"X: y\r\n" * 120,
)  # fmt: skip

Edit = tuple[float, int, bytes]
Head = TypeVar("Head")
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=6))),
    max_size=4,
)


def edited(wire: bytes, changes: list[Edit]) -> bytes:
    """At each place some bytes are taken out and others put in."""
    for where, taken, put in changes:
        at = int(where * len(wire))
        wire = wire[:at] + put + wire[at + taken :]
    return wire


def messages(known: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    one = st.builds(edited, st.sampled_from(known), edits)
    return st.lists(one, min_size=1, max_size=3).map(b"".join)


def pieces_of(wire: bytes, places: list[float]) -> list[bytes]:
    bounds = [0, *sorted(int(place * len(wire)) for place in places), len(wire)]
    return [wire[start:end] for start, end in pairwise(bounds)]


places = st.lists(st.floats(0, 1), max_size=6)
Inside = Callable[[Callable[[Bench], Coroutine[Any, Any, None]]], None]


@contextmanager
def proxy_inside() -> Iterator[Inside]:
    """Runs many examples against one proxy in one loop; what the loop was told of fails the test."""
    troubles: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: troubles.append(context))

        async def make() -> Bench:
            bench = Bench(QUICK_RECORDS, no_control, frozenset())
            await bench.proxy.listen("127.0.0.1", 0)
            return bench

        bench = runner.run(make())

        def inside(example: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
            runner.run(example(bench))
            assert troubles == []

        try:
            yield inside
        finally:
            runner.run(bench.proxy.close(0))
    assert troubles == []


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with proxy_inside() as inside:
        yield inside


@contextmanager
def pair(plane: Plane) -> Iterator[tuple[MemoryApp, MemoryClient]]:
    app, client = MemoryApp(plane), MemoryClient(plane)
    try:
        yield app, client
    finally:
        client.leave()
        app.leave()


def neighbour_is_served(bench: Bench) -> None:
    """Somebody else's exchange on a connection of its own, right after: it is asked and answered as if alone."""
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane, "203.0.113.5")
    client.send(b"GET /theirs HTTP/1.1\r\nHost: app.test\r\n\r\n")
    assert app.asked.startswith(b"GET /theirs HTTP/1.1\r\n")
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntheirs")
    assert client.answers.endswith(b"\r\n\r\ntheirs")
    assert b"mine" not in app.asked + client.answers
    app.leave()
    client.leave()


@SAME_EVERYWHERE
@given(wire=messages(REQUESTS), cut=places, answer=st.sampled_from(ANSWERS))
def test_no_request_breaks_the_proxy_or_reaches_another_client(
    inside: Inside, wire: bytes, cut: list[float], answer: bytes
) -> None:
    async def example(bench: Bench) -> None:
        plane = routed(bench)
        with pair(plane) as (app, client):
            for piece in pieces_of(wire, cut):
                client.send(piece)
                assert len(client.connection.buffer) < MOST_KEPT
            seen = 0
            for _ in range(3):
                if b"HTTP/1.1 101 " in client.answers:
                    break  # a tunnel carries anything
                assert_is_http(app.asked[seen:])
                seen = len(app.asked)
                app.say(answer)
        assert not plane.connections
        neighbour_is_served(bench)
        await asyncio.sleep(0)
        assert bench.proxy.stats().in_flight == 0

    inside(example)


def assert_is_http(asked: bytes) -> None:
    """Another reader finds there at most one request, and nothing that it would take for a fault."""
    if not asked:
        return
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
    reader.receive_data(asked)
    requests = 0
    while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        requests += isinstance(event, h11.Request)
    assert requests <= 1
    assert reader.trailing_data[0] == b"" or requests == 1


@SAME_EVERYWHERE
@given(wire=messages(ANSWERS), cut=places, request=st.sampled_from(REQUESTS), leaves=st.booleans())
def test_no_answer_breaks_the_proxy_or_reaches_another_client(
    inside: Inside, wire: bytes, cut: list[float], request: bytes, leaves: bool
) -> None:
    async def example(bench: Bench) -> None:
        plane = routed(bench)
        with pair(plane) as (app, client):
            client.send(request)
            app.say(*pieces_of(wire, cut))
            if leaves:
                app.leave()
            assert app.is_usable or app.connection not in app.target.idle
            if app.connection in app.target.idle:
                app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
                assert not app.is_usable
                assert app.connection not in app.target.idle
        neighbour_is_served(bench)
        await asyncio.sleep(0)
        assert not plane.connections
        assert bench.proxy.stats().in_flight == 0

    inside(example)


@SAME_EVERYWHERE
@given(wire=st.builds(edited, st.sampled_from(REQUESTS), edits))
def test_a_head_that_is_accepted_means_the_same_to_another_reader(wire: bytes) -> None:
    end = wire.find(b"\r\n\r\n") + 4
    head = read(lambda: parse_request(wire[:end], LIMITS)) if end >= 4 else None
    if head is None:
        return
    if isinstance(head, Refused):
        assert 400 <= head.status <= 505
        return
    framing = b"Transfer-Encoding: chunked\r\n" if head.length == CHUNKED else b""
    host = b"Host: a\r\n" if head.absolute or not head.host else b""
    version = b"1.1"
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
    reader.receive_data(
        b"%b %b HTTP/%b\r\n%b%b%b\r\n" % (head.method, head.target, version, host, head.fields, framing)
    )
    event = reader.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (head.method, head.target)
    lengths = [value for name, value in event.headers if name == b"content-length"]
    assert lengths == ([b"%d" % head.length] if head.length > 0 else lengths[:1])
    assert head.length != 0 or lengths in ([], [b"0"])


@SAME_EVERYWHERE
@given(wire=st.builds(edited, st.sampled_from(ANSWERS), edits), to_head=st.booleans())
def test_an_answer_is_understood_or_refused_with_502(wire: bytes, to_head: bool) -> None:
    end = wire.find(b"\r\n\r\n") + 4
    if end < 4:
        return
    head = read(lambda: parse_response(wire[:end], to_head))
    if isinstance(head, Refused):
        assert head.status == 502
    else:
        assert head.length >= UNTIL_CLOSE
        assert head.lines.endswith(b"\r\n")
        assert b"\r\n\r\n" not in head.lines
        assert b"\n" not in head.lines.replace(b"\r\n", b"")


def read(parse: Callable[[], Head]) -> Head | Refused:
    try:
        return parse()
    except Refused as refused:
        return refused


BODY = b"4;a=b\r\nmine\r\n0\r\nT: mine\r\n\r\n"


@SAME_EVERYWHERE
@given(wire=st.builds(edited, st.just(BODY), edits), cut=places)
def test_a_chunked_body_is_the_same_however_it_is_cut_and_to_another_reader(wire: bytes, cut: list[float]) -> None:
    whole = decoded([wire])
    assert decoded(pieces_of(wire, cut)) == whole
    if isinstance(whole, tuple) and whole[1]:
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
        reader.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
        body = b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
        assert body == whole[0]


def decoded(pieces: list[bytes]) -> tuple[bytes, bool] | None:
    """The body and whether it is whole; None when it was refused."""
    decoder = ChunkedDecoder()
    body = b""
    try:
        for piece in pieces:
            if decoder.done:
                break
            body += b"".join(decoder.feed(piece))
    except Refused:
        return None
    return body, decoder.done
