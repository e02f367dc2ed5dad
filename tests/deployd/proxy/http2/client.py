"""A client that speaks HTTP/2, one frame at a time where a test likes."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from tests.deployd.proxy.tls.rig import connected, trusting

SECONDS = 10.0


class Answer(msgspec.Struct):
    status: int = 0
    fields: dict[str, str] = {}
    cookies: list[str] = []
    body: bytes = b""
    interim: list[int] = []
    ended: bool = False
    reset: int | None = None


class Http2Client:
    """With `reading` off it gives the server no window back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, strict: bool) -> None:
        self.h2 = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=strict,
                normalize_outbound_headers=strict,
            )
        )
        self.answers: defaultdict[int, Answer] = defaultdict(Answer)
        self.goaway: int | None = None
        self.closed = False
        self.reading = True
        self._reader = reader
        self._writer = writer

    async def start(self) -> None:
        self.h2.initiate_connection()
        await self.flush()

    async def flush(self) -> None:
        self._writer.write(self.h2.data_to_send())
        await self._writer.drain()

    async def ask(
        self,
        path: str = "/",
        method: str = "GET",
        fields: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        host: str = "app.test",
    ) -> int:
        """The number of the stream; with a `body` that is sent whole."""
        number = self.h2.get_next_available_stream_id()
        start = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path)]
        self.h2.send_headers(number, [*start, *fields], end_stream=body is None)
        await self.flush()
        if body is not None:
            await self._send(number, body)
        return number

    async def _send(self, number: int, body: bytes) -> None:
        while body:
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(body))
            if size:
                self.h2.send_data(number, body[:size])
                body = body[size:]
                await self.flush()
            else:
                await self.hear()
        self.h2.end_stream(number)
        await self.flush()

    async def answer(self, number: int) -> Answer:
        """When it has ended, one way or the other."""
        while not (self.answers[number].ended or self.answers[number].reset is not None):
            assert not self.closed, "the connection was closed"
            await self.hear()
        return self.answers[number]

    async def hear(self) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                data = await self._reader.read(65_536)
            self.closed = not data
            for event in self.h2.receive_data(data):
                self._take(event)
            if not self.closed:
                await self.flush()
        except ConnectionError:
            self.closed = True

    async def until_closed(self) -> None:
        while not self.closed:
            await self.hear()

    def _take(self, event: Event) -> None:
        match event:
            case InformationalResponseReceived():
                fields = {str(name): str(value) for name, value in event.headers}
                self.answers[event.stream_id].interim.append(int(fields[":status"]))
            case ResponseReceived():
                fields = {str(name): str(value) for name, value in event.headers}
                answer = self.answers[event.stream_id]
                answer.status, answer.fields = int(fields.pop(":status")), fields
                answer.cookies = [str(value) for name, value in event.headers if str(name) == "set-cookie"]
            case DataReceived():
                self.answers[event.stream_id].body += event.data
                if self.reading:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.answers[event.stream_id].ended = True
            case StreamReset():
                self.answers[event.stream_id].reset = int(event.error_code)
            case ConnectionTerminated():
                self.goaway = int(event.error_code or 0)


@asynccontextmanager
async def http2_client(port: int, root: str, strict: bool = True) -> AsyncIterator[Http2Client]:
    async with connected(port, "app.test", trusting(root, ["h2", "http/1.1"])) as conversation:
        assert conversation.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        client = Http2Client(conversation.reader, conversation.writer, strict)
        await client.start()
        yield client
