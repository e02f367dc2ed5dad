"""A client that sends bytes as they are and reads what comes back, up to the end of the connection."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import h11

from tests.e2e.probe.capture import ANSWER_FIELD

_FIRST_SECONDS = 0.4
_CLOSE_SECONDS = 0.1
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key == name), None)

    @property
    def from_app(self) -> int | None:
        number = self.field(ANSWER_FIELD)
        return int(number) if number is not None else None


@dataclass(frozen=True)
class Outcome:
    """`closed` tells that the server ended the connection before we did; `excess` is what came after the answers."""

    answers: tuple[Answer, ...]
    interim: tuple[int, ...]
    excess: bytes
    closed: bool

    @property
    def statuses(self) -> str:
        return " ".join(str(answer.status) for answer in self.answers) or "closed" * self.closed or "silence"


async def talk(port: int, parts: tuple[bytes, ...], method: str) -> Outcome:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw, closed = b"", False
    try:
        for part in parts:
            with suppress(ConnectionError):
                writer.write(part)
                await writer.drain()
            more, closed = await _read_some(reader)
            raw += more
            if closed:
                break
        if not closed:
            with suppress(OSError):
                writer.write_eof()
            raw += await _rest(reader)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return _outcome(raw, method, closed)


async def _read_some(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """What comes until it is quiet for a moment; and whether the server closed within that time."""
    raw, patience = b"", _FIRST_SECONDS
    while True:
        try:
            async with asyncio.timeout(patience):
                data = await reader.read(65_536)
        except TimeoutError:
            return raw, False
        except ConnectionError:
            return raw, True
        if not data:
            return raw, True
        raw += data
        patience = _CLOSE_SECONDS


async def _rest(reader: asyncio.StreamReader) -> bytes:
    with suppress(ConnectionError):
        async with asyncio.timeout(_END_SECONDS):
            return await reader.read(-1)
    return b""


def _outcome(raw: bytes, method: str, closed: bool) -> Outcome:
    """As many answers as there are; what follows the last clean one is the excess."""
    answers: list[Answer] = []
    interim: list[int] = []
    while raw.startswith(b"HTTP/1."):
        connection = h11.Connection(h11.CLIENT)
        asked = method if not answers and method in ("HEAD", "GET") else "GET"
        connection.send(h11.Request(method=asked, target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(raw)
        try:
            answer, raw = _one(connection, interim)
        except h11.RemoteProtocolError:
            break
        if answer is None:
            break
        answers.append(answer)
    return Outcome(tuple(answers), tuple(interim), raw, closed)


def _one(connection: h11.Connection, interim: list[int]) -> tuple[Answer | None, bytes]:
    response: h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert response is not None
            fields = tuple((name.decode(), value.decode("latin-1")) for name, value in response.headers)
            return Answer(response.status_code, fields, body), connection.trailing_data[0]
        else:
            return None, b""
