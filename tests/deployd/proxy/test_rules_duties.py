"""What a gateway owes both sides (RFC 9110 §7.6), each duty as a request and what the app gets of it."""

import pytest

from deployd.domain.route import Address
from tests.deployd.proxy.memory import MemoryApp, MemoryClient, routed
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def asked(bench: Bench, request: bytes, answer: bytes = OK) -> tuple[bytes, bytes]:
    """What the app got of a client's request, and the client of the app's answer."""
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(request)
    app.say(answer)
    return app.asked, client.answers


@pytest.mark.parametrize(
    "field", ["Connection: close", "Keep-Alive: 5", "Proxy-Connection: x", "TE: trailers", "Trailer: X", "Proxy: evil"]
)
async def test_a_field_for_this_hop_ends_here(bench: Bench, field: str) -> None:
    got, _ = await asked(bench, get(extra=f"{field}\r\nX-Stays: 1\r\n"))
    assert field.split(":")[0].encode() + b":" not in got
    assert b"X-Stays: 1\r\n" in got


async def test_what_connection_names_ends_here_in_both_directions(bench: Bench) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"
    got, answered = await asked(bench, get(extra="Connection: X-Hop\r\nX-Hop: 1\r\n"), answer)
    assert b"X-Hop" not in got
    assert b"X-Hop" not in answered


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Authorization", "Cookie", "X-Forwarded-For", "X-Real-IP", "Via"]
)
async def test_connection_cannot_take_away_what_the_app_relies_on(bench: Bench, name: str) -> None:
    fields = f"Connection: close, {name}\r\nAuthorization: mine\r\nCookie: a=b\r\nContent-Length: 2\r\n"
    got, _ = await asked(bench, get(extra=fields) + b"hi")
    assert got.count(f"\r\n{name}: ".encode()) == 1


async def test_what_a_stranger_says_about_its_address_is_replaced(bench: Bench) -> None:
    forged = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n"
    got, _ = await asked(bench, get(extra=forged))
    assert b"6.6.6.6" not in got
    assert b"X-Forwarded-For: 198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\nX-Forwarded-Proto: http\r\n" in got


async def test_a_request_gets_its_number_its_start_and_its_way(bench: Bench) -> None:
    got, _ = await asked(bench, get(extra="X-Request-ID: forged\r\nX-Request-Start: t=1\r\n"))
    assert got.count(b"X-Request-ID: ") == got.count(b"X-Request-Start: t=") == got.count(b"Via: 1.1 deployd\r\n") == 1
    assert b"forged" not in got


async def test_path_and_query_are_passed_as_they_came(bench: Bench) -> None:
    path = "/a/../b//c;d=%2e%2E%2F%00?q=%0d%0a&r=a+b|c"
    got, _ = await asked(bench, get(path))
    assert got.startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_fields_of_the_same_name_keep_their_order(bench: Bench) -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: b=1\r\nX: y\r\nset-cookie: a=2\r\nContent-Length: 0\r\n\r\n"
    got, answered = await asked(bench, get(extra="X-A: 2\r\nX-B: 1\r\nx-a: 1\r\n"), answer)
    assert b"X-A: 2\r\nX-B: 1\r\nx-a: 1\r\n" in got
    assert b"Set-Cookie: b=1\r\nX: y\r\nset-cookie: a=2\r\n" in answered


async def test_a_date_is_added_where_there_is_none_and_kept_where_there_is(bench: Bench) -> None:
    _, answered = await asked(bench, get())
    assert answered.count(b"\r\nDate: ") == 1
    dated = b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    _, answered = await asked(bench, get(), dated)
    assert answered.count(b"\r\nDate: ") == answered.count(b"\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n") == 1


@pytest.mark.parametrize(("version", "passed"), [("1.1", True), ("1.0", False)])
async def test_interim_answers_are_for_clients_that_know_of_them(bench: Bench, version: str, passed: bool) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    _, answered = await asked(bench, f"GET / HTTP/{version}\r\nHost: app.test\r\n\r\n".encode(), hints + OK)
    assert (hints in answered) is passed
    assert answered.endswith(b"\r\n\r\nok")


async def test_trailers_are_never_taken_for_fields(bench: Bench) -> None:
    body = b"2\r\nhi\r\n0\r\nAuthorization: evil\r\nContent-Length: 9\r\nHost: other.test\r\n\r\n"
    request = b"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: evil=1\r\n\r\n"
    got, answered = await asked(bench, request, chunked)
    assert got.endswith(b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    assert b"evil" not in got + answered


async def test_a_204_has_no_length(bench: Bench) -> None:
    _, answered = await asked(bench, get(), b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
    assert b"ontent-" not in answered.replace(b"No Content", b"")


async def test_the_coding_is_written_anew_and_never_copied(bench: Bench) -> None:
    request = b"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding:   ChUnKeD\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    got, _ = await asked(bench, request)
    assert b"ChUnKeD" not in got
    assert got.count(b"Transfer-Encoding: chunked\r\n") == 1


async def test_100_continue_is_said_by_us_once_there_is_an_app(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert client.answers == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"Expect" not in app.asked
    client.send(b"hi")
    app.say(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert client.answers.count(b"100 Continue") == 1
    assert client.answers.endswith(b"\r\n\r\nok")


async def test_an_old_client_is_never_told_to_continue(bench: Bench) -> None:
    plane = routed(bench)
    MemoryApp(plane)
    client = MemoryClient(plane)
    client.send(b"POST / HTTP/1.0\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert client.answers == b""


async def test_a_request_is_asked_again_at_most_once(bench: Bench) -> None:
    asked_for: list[bytes] = []

    async def serve(conversation: Conversation) -> None:
        asked_for.append((await conversation.request()).target)
        if len(asked_for) == 1:
            await conversation.send(OK)
            asked_for.append((await conversation.request()).target)
        # and closes without an answer

    async with upstream(serve) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get("/first"))
        assert (await client.response()).status == 200
        await client.send(get("/second"))
        assert (await client.response()).status == 502
    assert asked_for == [b"/first", b"/second", b"/second"]


async def test_nobody_at_any_address_is_found_out_with_two_attempts(make_bench: MakeBench) -> None:
    bench = await make_bench()
    bench.route(*(Address(host="127.0.0.1", port=port) for port in (1, 2, 3)))
    async with connected(bench.port) as client:
        await client.send(get())
        assert (await client.response()).status == 502
