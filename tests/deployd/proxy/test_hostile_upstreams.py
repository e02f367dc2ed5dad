"""An app that breaks HTTP gets a 502 or a cut answer in its place, and never a word in another client's answer."""

import asyncio
from enum import Enum

import msgspec
import pytest

from tests.deployd.proxy.memory import MemoryApp, MemoryClient, cuts, routed
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream

OK = b"HTTP/1.1 200 OK\r\n"
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class End(Enum):
    REPLACED = "a 502 of our own"
    CUT = "an answer that visibly breaks off"
    WHOLE = "the answer, and nothing of what came with it"


class Hostile(msgspec.Struct, frozen=True):
    wire: bytes
    end: End
    leaves: bool = False
    body: bytes = b""
    method: str = "GET"
    waits: bool = False
    """whether the app only shows what it is by leaving"""


CORPUS = {
    "HEAD with a body": Hostile(OK + b"Content-Length: 42\r\n\r\n" + FORGED, End.WHOLE, method="HEAD"),
    "HEAD with a chunked body": Hostile(OK + CHUNKED + b"2a\r\n" + FORGED, End.WHOLE, method="HEAD"),
    "204 with a body": Hostile(b"HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n" + FORGED, End.WHOLE),
    "204 with a body and no length": Hostile(b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED, End.WHOLE),
    "204 with a chunked body": Hostile(b"HTTP/1.1 204 No Content\r\n" + CHUNKED + FORGED, End.WHOLE),
    "304 with a body": Hostile(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n" + FORGED, End.WHOLE),
    "304 with a body and no length": Hostile(b"HTTP/1.1 304 Not Modified\r\n\r\n" + FORGED, End.WHOLE),
    "a second answer": Hostile(OK + b"Content-Length: 2\r\n\r\nok" + FORGED, End.WHOLE, body=b"ok"),
    "a second answer after chunks": Hostile(OK + CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + FORGED, End.WHOLE, body=b"ok"),
    "a flood of 1xx": Hostile(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17, End.REPLACED),
    "an unsolicited 101": Hostile(
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + FORGED, End.REPLACED
    ),
    "length and coding": Hostile(OK + b"Content-Length: 5\r\n" + CHUNKED + b"0\r\n\r\n", End.REPLACED),
    "coding and length": Hostile(
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", End.REPLACED
    ),
    "two lengths": Hostile(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", End.REPLACED),
    "the same length twice": Hostile(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", End.REPLACED),
    "lengths in a list": Hostile(OK + b"Content-Length: 2, 2\r\n\r\nab", End.REPLACED),
    "a negative length": Hostile(OK + b"Content-Length: -1\r\n\r\n", End.REPLACED),
    "a signed length": Hostile(OK + b"Content-Length: +2\r\n\r\nab", End.REPLACED),
    "an octal length": Hostile(OK + b"Content-Length: 02\r\n\r\nab", End.REPLACED),
    "an overflowing length": Hostile(OK + b"Content-Length: 18446744073709551618\r\n\r\nab", End.REPLACED),
    "an empty length": Hostile(OK + b"Content-Length:\r\n\r\n", End.REPLACED),
    "a coding nobody knows": Hostile(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", End.REPLACED),
    "chunked twice": Hostile(OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", End.REPLACED),
    "a coding in HTTP/1.0": Hostile(b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"0\r\n\r\n", End.REPLACED),
    "a folded line": Hostile(OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "bare LF in the head": Hostile(OK + b"X: a\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "bare LF everywhere": Hostile(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", End.REPLACED, leaves=True),
    "bare CR": Hostile(OK + b"X: a\rb\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "NUL": Hostile(OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "a space before the colon": Hostile(OK + b"Content-Length : 2\r\n\r\nab", End.REPLACED),
    "a field without a name": Hostile(OK + b": x\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "a line that is no field": Hostile(OK + b"nothing\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "another protocol": Hostile(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", End.REPLACED),
    "HTTP/2": Hostile(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "a status of two digits": Hostile(b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "a status of four digits": Hostile(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "a status that is none": Hostile(b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n", End.REPLACED),
    "nothing": Hostile(b"", End.REPLACED, leaves=True),
    "half a head": Hostile(OK + b"Content-Le", End.REPLACED, leaves=True),
    "half a head after a 103": Hostile(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 20", End.REPLACED, leaves=True),
    "half of a counted body": Hostile(OK + b"Content-Length: 10\r\n\r\nhalf", End.CUT, leaves=True),
    "the end in the middle of a chunk": Hostile(OK + CHUNKED + b"a\r\nhalf", End.CUT, leaves=True),
    "the end between two chunks": Hostile(OK + CHUNKED + b"4\r\nhalf\r\n", End.CUT, leaves=True),
    "the end before the last empty line": Hostile(OK + CHUNKED + b"4\r\nhalf\r\n0\r\n", End.CUT, leaves=True),
    "a chunk without a size": Hostile(OK + CHUNKED + b"4\r\nhalf\r\nzz\r\n", End.CUT),
    "a chunk longer than its size": Hostile(OK + CHUNKED + b"4\r\nhalfway\r\n0\r\n\r\n", End.CUT),
    "chunks with bare LF": Hostile(OK + CHUNKED + b"4\nhalf\n0\n\n", End.CUT),
    "a negative chunk": Hostile(OK + CHUNKED + b"-4\r\nhalf\r\n0\r\n\r\n", End.CUT),
    "an overflowing chunk": Hostile(OK + CHUNKED + b"10000000000000004\r\nhalf\r\n0\r\n\r\n", End.CUT),
}


def final_head(answers: bytes) -> tuple[bytes, bytes]:
    """The first answer that is not interim, and all that comes after its head."""
    while True:
        head, _, rest = answers.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 1"):
            return head, rest
        answers = rest


def assert_ended_as_it_must(hostile: Hostile, client: MemoryClient) -> None:
    head, body = final_head(client.answers)
    if hostile.end is End.REPLACED:
        assert head.startswith(b"HTTP/1.1 502 ")
        assert client.is_open
    elif hostile.end is End.CUT:
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert not client.is_open
        assert b"\r\n0\r\n\r\n" not in body
    else:
        assert client.is_open
        assert body in (
            hostile.body,
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(hostile.body), hostile.body),
            b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        )
    assert b"forged" not in client.answers


@pytest.mark.parametrize("name", CORPUS)
async def test_whatever_the_cut_it_ends_the_same_and_the_connection_is_not_used_again(bench: Bench, name: str) -> None:
    hostile = CORPUS[name]
    plane = routed(bench)
    for pieces in cuts(hostile.wire):
        app, client = MemoryApp(plane), MemoryClient(plane)
        client.send(f"{hostile.method} / HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
        app.say(*pieces)
        if hostile.leaves:
            app.leave()
        assert_ended_as_it_must(hostile, client)
        assert not app.is_usable, pieces
        assert not app.target.idle
        client.leave()


@pytest.mark.parametrize("name", CORPUS)
async def test_the_next_client_gets_its_own_answer_over_the_same_pool(bench: Bench, name: str) -> None:
    hostile = CORPUS[name]

    async def serve(conversation: Conversation) -> None:
        while True:
            request = await conversation.request()
            if request.target == b"/hostile":
                await conversation.send(hostile.wire)
                if hostile.leaves:
                    return
            else:
                await conversation.send(OK + b"Content-Length: %d\r\n\r\n%b" % (len(request.target), request.target))

    async with upstream(serve) as app:
        bench.route(app.address)
        async with connected(bench.port) as first:
            await first.send(get("/before"))
            assert (await first.response()).body == b"/before"
            await first.send(f"{hostile.method} /hostile HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
            try:
                while (await first.response(hostile.method)).status == 103:
                    pass
            except (asyncio.IncompleteReadError, ConnectionError):
                assert hostile.end is End.CUT
            async with connected(bench.port) as second:
                for path in ("/one", "/two"):
                    await second.send(get(path))
                    assert (await second.response()).body == path.encode()


async def test_a_header_without_end_is_not_kept(bench: Bench) -> None:
    plane = routed(bench)
    wire = OK + b"X: " + b"y" * plane.limits.response_header_bytes + b"\r\n\r\n"
    for size in (len(wire), 1_000):
        app, client = MemoryApp(plane), MemoryClient(plane)
        client.send(get())
        app.say(*(wire[at : at + size] for at in range(0, len(wire), size)))
        assert client.answers.startswith(b"HTTP/1.1 502 ")
        assert not app.is_usable


@pytest.mark.parametrize("head", [b"", b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_reset_in_the_middle_of_a_body_resets_the_client(bench: Bench, head: bytes) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(OK + head + b"\r\n" + b"4\r\nhalf\r\n")
    app.leave(ConnectionResetError())
    assert not client.is_open
    assert not client.answers.endswith(b"0\r\n\r\n")


async def test_an_answer_before_the_request_has_ended_closes_both_connections(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nhalf")
    app.say(OK + b"Content-Length: 4\r\n\r\ndone")
    assert b"\r\nConnection: close\r\n" in client.answers
    assert client.answers.endswith(b"\r\n\r\ndone")
    assert not app.is_usable
    client.send(get("/smuggled"))
    assert client.answers.count(b"HTTP/1.1 ") == 1


async def test_what_an_idle_connection_says_is_believed_by_nobody(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(OK + b"Content-Length: 2\r\n\r\nok")
    assert app.is_usable
    app.say(FORGED)
    assert not app.is_usable
    assert not app.target.idle
    assert b"forged" not in client.answers


async def test_an_answer_that_comes_while_nobody_reads_is_not_gathered_in_memory(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000)
    client.connection.pause_writing()
    assert not app.transport.reading
    client.connection.resume_writing()
    assert app.transport.reading
