"""A body in tiny chunks costs the loop little at a time, in both directions, and is not read ahead of meanwhile."""

import asyncio
from collections.abc import Callable

from tests.deployd.proxy.memory import MemoryApp, MemoryClient, routed
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import get

FLOOD = b"1\r\nZ\r\n" * 40_000
CHUNKED = "Transfer-Encoding: chunked\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
POST = get(extra=CHUNKED).replace(b"GET", b"POST", 1)
A_TURN = 1_024


async def until(true: Callable[[], bool]) -> int:
    """How many turns of the loop it took."""
    turns = 0
    while not true():
        turns += 1
        assert turns < 10_000
        await asyncio.sleep(0)
    return turns


async def upload(bench: Bench) -> tuple[MemoryApp, MemoryClient]:
    plane = routed(bench)
    app, first = MemoryApp(plane), MemoryClient(plane)
    first.send(get())  # A first request of a client that cannot be sent again would not go over a pooled connection.
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    first.send(POST)
    return app, first


async def test_a_flood_from_a_client_is_passed_on_over_many_turns_and_nothing_is_read_meanwhile(bench: Bench) -> None:
    app, client = await upload(bench)
    client.send(FLOOD)
    assert app.asked.count(b"Z") <= A_TURN
    assert not client.transport.reading
    assert await until(lambda: client.transport.reading) > 30
    assert app.asked.count(b"Z") == 40_000
    client.send(b"0\r\n\r\n" + get("/next"))
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert b"GET /next " in app.asked


async def test_the_rest_of_a_flood_waits_for_an_app_that_does_not_keep_up(bench: Bench) -> None:
    app, client = await upload(bench)
    client.send(FLOOD + b"0\r\n\r\n")
    app.connection.pause_writing()
    before = len(app.asked)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (len(app.asked), client.transport.reading) == (before, False)
    app.connection.resume_writing()
    await until(lambda: app.asked.endswith(b"0\r\n\r\n"))


async def test_a_refusal_in_the_middle_of_a_flood_is_seen_by_the_client(bench: Bench) -> None:
    app, client = await upload(bench)
    client.send(FLOOD)
    app.say(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
    assert b"HTTP/1.1 413 Too Much" in client.answers
    assert client.transport.reading  # What it still sends is read, so that no reset takes the answer away.
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.is_open


async def test_a_flood_from_an_app_is_passed_on_over_many_turns_and_nothing_is_read_meanwhile(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(ANSWER + FLOOD)
    assert client.answers.count(b"Z") <= A_TURN
    assert not app.transport.reading
    assert await until(lambda: app.transport.reading) > 30
    assert client.answers.count(b"Z") == 40_000
    app.say(b"0\r\n\r\n")
    assert client.answers.endswith(b"0\r\n\r\n")
    assert app.is_usable


async def test_the_rest_of_an_apps_flood_waits_for_a_client_that_does_not_read(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(ANSWER + FLOOD + b"0\r\n\r\n")
    client.connection.pause_writing()
    before = len(client.answers)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (len(client.answers), app.transport.reading) == (before, False)
    client.connection.resume_writing()
    await until(lambda: client.answers.endswith(b"0\r\n\r\n"))
    assert app.transport.reading


async def test_a_compressed_answer_comes_whole_out_of_a_flood(bench: Bench) -> None:
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get(extra="Accept-Encoding: gzip\r\n"))
    app.say(ANSWER.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n") + FLOOD + b"0\r\n\r\n")
    await until(lambda: client.answers.endswith(b"0\r\n\r\n"))
    assert b"Content-Encoding: gzip" in client.answers


async def test_whoever_leaves_in_the_middle_leaves_nothing(bench: Bench) -> None:
    app, client = await upload(bench)
    client.send(FLOOD)
    client.leave()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not app.is_usable
    plane = routed(bench)
    app, client = MemoryApp(plane), MemoryClient(plane)
    client.send(get())
    app.say(ANSWER + FLOOD)
    app.leave()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not client.is_open
