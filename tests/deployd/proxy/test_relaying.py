"""What goes in comes out: heads, bodies and connections, whole and in pieces."""

import asyncio

import aiohttp
import pytest

from tests.deployd.proxy.rig import APP, Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, Received, Serve, answering, connected, get, upstream

POST = b"POST /a?b=%20c HTTP/1.1\r\nHost: app.test\r\nX-Odd:  two  \r\nx-odd: three\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n"
)


def echoing(received: list[Received]) -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            request = await conversation.request()
            received.append(request)
            await conversation.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body)
            )

    return serve


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
async def test_requests_arrive_byte_exact_however_the_wire_cuts_them(bench: Bench, step: int) -> None:
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        wire = POST + CHUNKED + get("/last")
        for at in range(0, len(wire), step):
            await client.send(wire[at : at + step])
        bodies = [(await client.response()).body for _ in range(3)]
        assert bodies == [b"hello", b"abc0123456789", b""]
        assert app.connections == 1
    assert received[0].head.startswith(
        b"POST /a?b=%20c HTTP/1.1\r\nHost: app.test\r\nX-Odd:  two  \r\nx-odd: three\r\n"
    )
    assert received[1].field("transfer-encoding") == b"chunked"
    assert received[1].field("x-trailer") is None
    assert received[2].target == b"/last"


@pytest.mark.parametrize("step", [1, 3, 10_000])
async def test_answers_arrive_whole_however_the_wire_cuts_them(bench: Bench, step: int) -> None:
    wire = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        b"HTTP/1.1 201 Made\r\nX-Mixed:  Case \r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n"
    )

    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            for at in range(0, len(wire), step):
                await conversation.send(wire[at : at + step])
                await asyncio.sleep(0)

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(2):
            await client.send(get())
            assert (await client.head()).startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>")
            answer = await client.response()
            assert answer.head.startswith(b"HTTP/1.1 201 Made\r\nX-Mixed:  Case \r\n")
            assert answer.body == b"hello"
            assert answer.field("t") is None
        assert app.connections == 1


async def test_hop_by_hop_and_forged_fields_end_at_the_gateway(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(
            get(
                "/",
                "APP.test:8080",
                "Connection: keep-alive, X-Secret, Host, Authorization\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n"
                "TE: trailers\r\n"
                "Proxy-Connection: x\r\nAuthorization: mine\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
                "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Request-ID: forged\r\n"
                "X_Real_IP: 6.6.6.6\r\nProxy: evil\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
            )
        )
        assert (await client.response()).status == 200
    request = received[0]
    gone = ("x-secret", "keep-alive", "te", "proxy-connection", "connection", "forwarded", "x_real_ip", "proxy")
    assert [name for name in gone if request.fields(name)] == []
    assert request.field("host") == b"APP.test:8080"
    assert request.field("authorization") == b"mine"
    assert request.field("x-forwarded-for") == b"127.0.0.1"
    assert request.field("x-real-ip") == b"127.0.0.1"
    assert request.field("x-forwarded-proto") == b"http"
    assert request.field("x-forwarded-host") == b"APP.test:8080"
    assert request.field("via") == b"1.1 deployd"
    assert request.field("traceparent") is not None
    assert (request.field("x-request-start") or b"").startswith(b"t=")
    record = (await bench.recorded(1))[0]
    assert request.field("x-request-id") == record.request_id.encode()
    assert (record.app, record.release, record.status, record.target) == ("app", 1, 200, str(app.address))


async def test_a_trusted_peer_may_say_who_its_client_is(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=frozenset({"127.0.0.1"}))
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(
            get("/", extra="X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Request-ID: abc\r\n")
        )
        await client.response()
    assert received[0].field("x-forwarded-for") == b"9.9.9.9, 127.0.0.1"
    assert received[0].field("x-real-ip") == b"9.9.9.9"
    assert received[0].field("x-forwarded-proto") == b"https"
    assert received[0].field("x-request-id") == b"abc"


async def test_the_hop_by_hop_fields_of_an_answer_end_at_the_gateway(bench: Bench) -> None:
    extra = (
        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    )
    async with upstream(answering(extra=extra)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        answer = await client.response()
    assert answer.fields("set-cookie") == [b"a=1", b"b=2"]
    assert [name for name in ("connection", "keep-alive", "x-hop") if answer.fields(name)] == []
    assert answer.field("date") is not None


async def test_an_absolute_target_wins_over_the_host_field(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"GET http://app.test/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n")
        assert (await client.response()).status == 200
    assert received[0].target == b"/x?y"
    assert received[0].field("host") == b"app.test"


async def test_answers_without_a_body_end_at_the_empty_line(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        while True:
            head = await conversation.head()
            if head.startswith(b"HEAD"):
                await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            elif b"/204" in head:
                await conversation.send(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                await conversation.send(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n')

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert (await client.response("HEAD")).field("content-length") == b"1000"
        await client.send(get("/204"))
        assert (await client.response()).status == 204
        await client.send(get("/304"))
        assert (await client.response()).status == 304
        assert app.connections == 2  # what HEAD was promised may come late, so that connection is not used again


async def test_a_body_that_ends_with_the_connection_becomes_chunked(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.0 200 OK\r\n\r\nuntil ")
        await conversation.send(b"the end")

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(2):
            await client.send(get())
            answer = await client.response()
            assert answer.head.startswith(b"HTTP/1.1 200 OK")
            assert answer.field("transfer-encoding") == b"chunked"
            assert answer.body == b"until the end"


async def test_an_old_client_gets_a_chunked_answer_plain_and_closed(bench: Bench) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"GET / HTTP/1.0\r\nHost: app.test\r\n\r\n")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"Connection: close" in head
        assert b"chunked" not in head
        assert body == b"hello"


async def test_an_old_client_can_keep_its_connection(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(2):
            await client.send(b"GET / HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n")
            assert (await client.response()).field("connection") == b"keep-alive"


async def test_a_body_is_asked_for_once_an_upstream_is_there(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(echoing(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"PUT / HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 100 Continue"
        await client.send(b"data")
        assert (await client.response()).body == b"data"
    assert received[0].field("expect") is None


async def test_an_event_is_passed_on_before_the_next_one_exists(bench: Bench) -> None:
    seen = asyncio.Event()

    async def serve(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await seen.wait()
        await conversation.send(b"data: 2\n\n")

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        await client.head()
        assert await client.exactly(14) == b"9\r\ndata: 1\n\n\r\n"
        seen.set()
        assert await client.exactly(19) == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"


async def test_many_clients_share_few_upstream_connections(bench: Bench) -> None:
    async with upstream(answering(b"x" * 3000)) as app:
        bench.route(app.address)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:

            async def ask() -> None:
                for _ in range(25):
                    url = f"http://127.0.0.1:{bench.port}/"
                    async with session.get(url, headers={"Host": "app.test"}) as response:
                        assert await response.read() == b"x" * 3000

            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(ask())
        assert app.connections <= 8
        assert len(await bench.recorded(200)) == 200
        assert bench.proxy.stats().requests[APP] == {"2xx": 200}


async def test_half_closed_clients_still_get_their_answers(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get() + get())
        client.writer.write_eof()
        assert (await client.rest()).count(b"hello") == 2
