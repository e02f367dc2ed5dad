"""The probe against real servers, good and bad ones."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.adapters.http_probe.probe import AiohttpProbe
from deployd.domain.app import HealthCheck
from deployd.domain.route import Address
from tests.support.stream_server import stream_server


@pytest.fixture
async def probe() -> AsyncIterator[AiohttpProbe]:
    probe = AiohttpProbe()
    yield probe
    await probe.close()


class Answering:
    """A server that sends the same bytes to everybody; without any it never answers."""

    def __init__(self, answer: bytes | None) -> None:
        self.requests: list[bytes] = []
        self._answer = answer

    async def __aenter__(self) -> Address:
        self._server = stream_server(self._serve)
        return Address(host="127.0.0.1", port=await self._server.__aenter__())

    async def __aexit__(self, *failure: object) -> None:
        await self._server.__aexit__(None, None, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self._answer is None:
            await reader.read()
        else:
            writer.write(self._answer)
        writer.close()


def status(code: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {code} Word\r\nContent-Length: 0\r\n{headers}\r\n".encode()


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("/", 200, None),
        ("/", 302, None),
        ("/", 404, None),
        ("/", 500, "500"),
        ("/", 503, "503"),
        ("/up", 204, None),
        ("/up", 301, None),
        ("/up", 404, "404"),
        ("/up", 503, "503"),
    ],
)
async def test_a_path_of_its_own_is_taken_at_its_word(
    probe: AiohttpProbe, path: str, code: int, expected: str | None
) -> None:
    async with Answering(status(code)) as address:
        assert expected == await probe.probe(address, "shop.test", HealthCheck(path=path))


async def test_the_instance_is_asked_for_its_own_host(probe: AiohttpProbe) -> None:
    server = Answering(status(200))
    async with server as address:
        await probe.probe(address, "shop.test", HealthCheck(path="/up?deep=%2F1"))
    head = server.requests[0].decode()
    assert head.startswith("GET /up?deep=%2F1 HTTP/1.1\r\n")
    assert "\r\nHost: shop.test\r\n" in head


async def test_a_redirect_is_not_followed(probe: AiohttpProbe) -> None:
    server = Answering(status(302, "Location: /login\r\n"))
    async with server as address:
        await probe.probe(address, "shop.test", HealthCheck())
    assert len(server.requests) == 1


async def test_an_endless_body_is_not_awaited(probe: AiohttpProbe) -> None:
    async with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nbegin") as address:
        assert await probe.probe(address, "shop.test", HealthCheck(timeout_seconds=2)) is None


async def test_nobody_listening_is_told(probe: AiohttpProbe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert await probe.probe(Address(host="127.0.0.1", port=port), "shop.test", HealthCheck()) == "no listener"


async def test_silence_is_told(probe: AiohttpProbe) -> None:
    async with Answering(None) as address:
        check = HealthCheck(timeout_seconds=0.1)
        assert await probe.probe(address, "shop.test", check) == "no answer in 0.1 s"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"", "closed the connection without an answer"), (b"hello\r\n\r\n", "the answer is not HTTP")],
)
async def test_nonsense_is_told(probe: AiohttpProbe, answer: bytes, expected: str) -> None:
    async with Answering(answer) as address:
        assert expected == await probe.probe(address, "shop.test", HealthCheck())


async def test_the_prefix_that_an_app_has_there_stands_before_the_path(probe: AiohttpProbe) -> None:
    server = Answering(status(200))
    async with server as address:
        assert await probe.probe(address, "shop.test", HealthCheck(path="/up"), under="/api") is None
    assert server.requests[0].startswith(b"GET /api/up HTTP/1.1\r\n")


async def test_an_app_at_a_unix_socket_is_asked_there(probe: AiohttpProbe, tmp_path: Path) -> None:
    address = Address(path=str(tmp_path / "app.sock"))
    assert "not reachable" in (await probe.probe(address, "shop.test", HealthCheck()) or "")
    answering = Answering(status(503))
    server = await asyncio.start_unix_server(answering._serve, address.path)
    assert await probe.probe(address, "shop.test", HealthCheck()) == "503"
    assert b"\r\nHost: shop.test\r\n" in answering.requests[0]
    server.close()
    await server.wait_closed()
