"""A client that speaks HTTP/2 without sockets: its frames go straight into the proxy."""

import asyncio
from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event

from deployd.proxy.http2.connection import Http2Connection
from deployd.proxy.plane import Plane
from tests.deployd.proxy.memory import MemoryTransport


class MemoryHttp2:
    def __init__(self, plane: Plane, address: str = "198.51.100.7") -> None:
        self.h2 = H2Connection(
            H2Configuration(client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.connection = Http2Connection(plane, address)
        self.transport = MemoryTransport(self.connection, address)
        self.events: list[Event] = []
        self._heard = 0
        self.connection.connection_made(self.transport)
        self.h2.initiate_connection()

    def open(
        self, path: str = "/", method: str = "GET", ended: bool = True, fields: Iterable[tuple[str, str]] = ()
    ) -> int:
        """The number of a new stream; sent with the next `flush`."""
        number = self.h2.get_next_available_stream_id()
        start = [(":method", method), (":scheme", "https"), (":authority", "app.test"), (":path", path)]
        self.h2.send_headers(number, [*start, *fields], end_stream=ended)
        return number

    async def flush(self, *frames: bytes) -> None:
        """What was written and then `frames`; returns when the proxy has taken all of it and answered."""
        self.connection.data_received(self.h2.data_to_send() + b"".join(frames))
        while not self.transport.reading:
            await asyncio.sleep(0)
        await self.hear()

    async def hear(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        new = bytes(self.transport.written[self._heard :])
        self._heard += len(new)
        self.events += self.h2.receive_data(new)

    @property
    def body(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, DataReceived))
