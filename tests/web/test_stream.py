import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from deployd.domain.log_line import Level
from deployd.logs.tail import QUEUE_LINES
from tests.support.log_lines import BLOG, line
from tests.support.log_site import LogSite, log_site
from web.stream import EVENTS_PATH, STREAM_PATH

WAIT_SECONDS = 10.0


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LogSite]:
    async with log_site(tmp_path) as site:
        yield site


@pytest.fixture
async def client(site: LogSite) -> AsyncIterator[ClientSession]:
    async with ClientSession(site.url) as client:
        yield client


async def _read(socket: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """Lines and gaps, until they stand for that many lines."""
    items: list[dict[str, Any]] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while sum(item.get("count", 1) for item in items) < count:
            frame = await socket.receive_json()
            items += frame["lines"] if "lines" in frame else [frame["gap"]]
    return items


async def _events(response: ClientResponse, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Id and frame of each event, until that many lines came."""
    events: list[tuple[str, dict[str, Any]]] = []
    last_id = ""
    async with asyncio.timeout(WAIT_SECONDS):
        while sum(len(frame.get("lines", [])) for _, frame in events) < count:
            name, _, value = (await response.content.readline()).decode().rstrip("\n").partition(": ")
            if name == "id":
                last_id = value
            elif name == "data":
                events.append((last_id, json.loads(value)))
    return events


async def test_lines_arrive_live_over_a_websocket(site: LogSite, client: ClientSession) -> None:
    async with client.ws_connect(STREAM_PATH, params={"app": "shop"}) as viewer:
        site.say(line("a"), line("other", BLOG), line("b", level=Level.ERROR))
        first, second = await _read(viewer, 2)
    assert tuple(first[name] for name in ("text", "app", "seq", "level", "process")) == (
        "a",
        "shop",
        1,
        "info",
        "web.1",
    )
    assert tuple(second[name] for name in ("text", "app", "seq", "level")) == ("b", "shop", 2, "error")


async def test_the_query_says_which_lines(site: LogSite, client: ClientSession) -> None:
    query = {"level": "warn", "deployment": "dep-2", "source": "app"}
    async with client.ws_connect(STREAM_PATH, params=query) as viewer:
        for level in Level:
            site.say(
                line(f"1 {level}", level=level, deployment="dep-1"), line(f"2 {level}", level=level, deployment="dep-2")
            )
        assert [item["text"] for item in await _read(viewer, 2)] == ["2 warn", "2 error"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"level": "loud"}, "level"),
        ({"source": "kitchen"}, "source"),
        ({"apps": "shop"}, "apps"),
        ({"app": "shop", "after": "x"}, "NUMBER"),
        ({"app": "shop", "after": "-1"}, "NUMBER"),
        ({"app": "shop", "after": "9" * 30}, "NUMBER"),
        ({"app": "shop", "after": "blog:7"}, "another app"),
        ({"after": "7"}, "APP:NUMBER"),
    ],
)
@pytest.mark.parametrize("path", [STREAM_PATH, EVENTS_PATH])
async def test_a_query_that_cannot_be_followed_is_refused_in_words(
    client: ClientSession, path: str, query: dict[str, str], word: str
) -> None:
    async with client.get(path, params=query) as answer:
        assert answer.status == 400
        assert word in (await answer.json(content_type="application/problem+json"))["detail"]


async def test_coming_back_with_the_last_number_loses_and_repeats_nothing(site: LogSite, client: ClientSession) -> None:
    total, after = 4_000, "0"
    seen: list[str] = []

    async def write() -> None:
        for number in range(0, total, 20):
            site.say(*(line(str(n)) for n in range(number, number + 20)))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        while len(seen) < total:
            async with client.ws_connect(STREAM_PATH, params={"app": "shop", "after": after}) as viewer:
                items = await _read(viewer, min(900, total - len(seen)))
            seen += [item["text"] for item in items]
            after = str(items[-1]["seq"])
    assert [str(number) for number in range(total)] == seen


async def test_events_resume_from_the_last_event_id(site: LogSite, client: ClientSession) -> None:
    site.say(line("1"), line("2", BLOG))
    async with client.get(EVENTS_PATH, params={"after": "0"}) as stream:
        assert stream.content_type == "text/event-stream"
        events = await _events(stream, 2)
    site.say(line("3"), line("4", BLOG))
    place = events[-1][0]
    assert place == "blog:1"
    async with client.get(EVENTS_PATH, params={"after": "0"}, headers={"Last-Event-ID": place}) as stream:
        events = await _events(stream, 2)
    assert [item["text"] for _, frame in events for item in frame["lines"]] == ["3", "4"]


async def test_the_event_id_of_one_app_is_a_plain_number(site: LogSite, client: ClientSession) -> None:
    site.say(*(line(str(n)) for n in range(3)))
    async with client.get(EVENTS_PATH, params={"app": "shop", "after": "1"}) as stream:
        events = await _events(stream, 2)
    assert events[-1][0] == "3"


async def test_a_quiet_event_stream_shows_that_it_lives(tmp_path: Path) -> None:
    async with (
        log_site(tmp_path, heartbeat_seconds=0.1) as site,
        ClientSession(site.url) as client,
        client.get(EVENTS_PATH) as stream,
        asyncio.timeout(WAIT_SECONDS),
    ):
        heard = [await stream.content.readline() for _ in range(4)]
    assert heard == [b"retry: 2000\n", b"\n", b": still here\n", b"\n"]


async def test_a_viewer_that_stops_reading_gets_a_gap_and_holds_up_nobody(site: LogSite, client: ClientSession) -> None:
    slow = await _slow_viewer(site.port)
    async with client.ws_connect(STREAM_PATH, params={"app": "shop"}) as quick:
        total, text = 0, "x" * 2_000
        while total < 3 * QUEUE_LINES:
            site.say(*(line(text) for _ in range(500)))
            total += 500
            items = await _read(quick, 500)
            assert list(range(total - 499, total + 1)) == [item["seq"] for item in items]
    viewer_reads = asyncio.to_thread(_first_gap, slow)
    gap = await asyncio.wait_for(viewer_reads, WAIT_SECONDS)
    slow.close()
    assert ("shop", gap["last"] - gap["first"] + 1) == (gap["app"], gap["count"])


async def test_closing_ends_every_stream_at_once(site: LogSite, client: ClientSession) -> None:
    async with client.ws_connect(STREAM_PATH) as viewer, client.get(EVENTS_PATH) as stream:
        await site.streams.close()
        async with asyncio.timeout(WAIT_SECONDS):
            assert (await viewer.receive()).type == WSMsgType.CLOSE
            await stream.read()
    assert viewer.close_code == 1001


async def test_a_viewer_that_leaves_is_forgotten(site: LogSite, client: ClientSession) -> None:
    async with client.ws_connect(STREAM_PATH) as viewer:
        site.say(line("a"))
        await _read(viewer, 1)
    async with client.get(EVENTS_PATH) as stream:
        await stream.content.readline()
    await asyncio.wait_for(site.figures.nobody.wait(), WAIT_SECONDS)


async def test_an_ordinary_request_to_the_socket_address_is_refused(client: ClientSession) -> None:
    async with client.get(STREAM_PATH) as answer:
        assert answer.status == 400
    with pytest.raises(WSServerHandshakeError):
        await client.ws_connect(STREAM_PATH, params={"level": "loud"})


async def _slow_viewer(port: int) -> socket.socket:
    """A WebSocket client that shakes hands, then reads nothing."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    viewer.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(viewer, ("127.0.0.1", port))
    request = (
        f"GET {STREAM_PATH}?app=shop HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await loop.sock_sendall(viewer, request.encode())
    while b"\r\n\r\n" not in await loop.sock_recv(viewer, 4_096):
        pass
    viewer.setblocking(True)
    return viewer


def _first_gap(viewer: socket.socket) -> dict[str, Any]:
    sign, received = b'{"gap":', b""
    while sign not in received or b"}}" not in received[received.index(sign) :]:
        more = viewer.recv(1 << 20)
        assert more, "the server hung up without telling of a gap"
        received = received[-len(sign) :] + more if sign not in received else received + more
    start = received.index(sign)
    frame = received[start : received.index(b"}}", start) + 2]
    return cast(dict[str, Any], json.loads(frame)["gap"])


async def test_the_lines_of_an_app_that_does_not_exist_are_refused_before_the_upgrade(client: ClientSession) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect(STREAM_PATH, params={"app": "shpo"})
    assert refused.value.status == 404
    async with client.get(EVENTS_PATH, params={"app": "shpo"}) as answer:
        assert (answer.status, (await answer.json())["detail"]) == (404, "There is no app named 'shpo'.")
    async with client.ws_connect(STREAM_PATH, params={"app": "deployd"}) as viewer:
        assert not viewer.closed


@pytest.mark.parametrize(
    "query",
    [{"app": "shop", "deployment": "dep-nope"}, {"deployment": "dep-nope"}, {"app": "blog", "deployment": "dep-1"}],
)
async def test_the_lines_of_a_deployment_that_does_not_exist_are_refused_before_the_upgrade(
    client: ClientSession, query: dict[str, str]
) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect(STREAM_PATH, params=query)
    assert refused.value.status == 404
    async with client.get(EVENTS_PATH, params=query) as answer:
        said = f"There is no deployment {query['deployment']!r}."
        assert (answer.status, (await answer.json())["detail"]) == (404, said)
