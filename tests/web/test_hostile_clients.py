"""What is sent wrong gets an answer in one sentence, and nothing of it gets into deployd's own output."""

import asyncio
import logging
from pathlib import Path

import pytest
from aiohttp import web

from tests.web.bench import Bench, Client
from web.connection import Connection

_POST = b"POST /api/v1/apps HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: close\r\n"


async def _answer(socket: Path, *parts: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    async with asyncio.timeout(20):
        for part in parts:
            writer.write(part)
            await writer.drain()
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "request_head", [b"FOO / HTTP/1.1\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: \0\r\n\r\n"]
)
async def test_a_broken_request_is_answered_and_leaves_no_traceback(
    bench: Bench, caplog: pytest.LogCaptureFixture, request_head: bytes
) -> None:
    answer = await _answer(bench.socket_path, request_head)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"application/problem+json" in answer
    assert b"aiohttp" not in answer
    assert caplog.records == []


@pytest.mark.parametrize("before", [b"", b"GET /livez HTTP/1.1\r\nHost: d\r\n\r\n"])
async def test_half_a_header_is_waited_for_its_time_and_no_longer(tmp_path: Path, before: bytes) -> None:
    async def handle(request: web.BaseRequest) -> web.Response:
        return web.Response(text="alive")

    loop, server = asyncio.get_running_loop(), web.Server(handle)
    door = await loop.create_unix_server(lambda: Connection(server, loop, header_seconds=0.1), tmp_path / "s")
    async with door:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        async with asyncio.timeout(5):
            if before:
                writer.write(before)
                await reader.readuntil(b"alive")
            for piece in (b"GET / HTTP/1.1\r\n", b"Host: d\r\n"):
                writer.write(piece)
                await asyncio.sleep(0.02)
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The request's header did not arrive in time." in answer


async def test_a_slow_answer_is_not_cut_for_the_time_of_a_header(tmp_path: Path) -> None:
    async def handle(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(text=await request.text())

    loop, server = asyncio.get_running_loop(), web.Server(handle)
    door = await loop.create_unix_server(lambda: Connection(server, loop, header_seconds=0.05), tmp_path / "s")
    async with door:
        head = b"POST / HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
        assert (await _answer(tmp_path / "s", head, b"da", b"ta")).endswith(b"data")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Encoding: deflate\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_a_body_that_cannot_be_decoded_is_refused_in_a_sentence(
    bench: Bench, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    answer = await _answer(bench.socket_path, _POST + body)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"The request body cannot be read" in answer
    assert caplog.records == []


async def test_a_mistake_of_our_own_is_still_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("deployd.web").exception("Error", exc_info=ValueError("ours"))
    assert [record.getMessage() for record in caplog.records] == ["Error"]


async def test_json_that_is_nested_without_end_is_refused(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    head = b"PATCH /api/v1/apps/shop HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: close\r\n"
    answer = await _answer(bench.socket_path, head + b"Content-Length: 750000\r\n\r\n", b'{"a":' * 150_000)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"nested too deeply" in answer


@pytest.mark.parametrize("query", ["after", "before"])
async def test_a_line_number_beyond_all_lines_is_refused(owner: Client, bench: Bench, query: str) -> None:
    await bench.add_app()
    refused = await owner("GET", f"/api/v1/apps/shop/logs?{query}=99999999999999999999")
    assert refused.status == 400
    assert f"$.{query}" in refused.body["detail"]
