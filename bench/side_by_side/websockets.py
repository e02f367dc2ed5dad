"""The load of WebSockets: `python -m bench.side_by_side.websockets PORT HOST CONNECTIONS SECONDS`.

Each connection sends a message of 1 KiB and waits for the answer before the next. Prints messages/s and the 99th
percentile of the round trips in milliseconds.
"""

import asyncio
import sys
from time import perf_counter
from typing import cast

import uvloop

from bench.side_by_side.sink import ANSWER, QUESTION

_HELLO = (
    b"GET /ws HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


class Talker(asyncio.Protocol):
    def __init__(self, host: bytes, times: list[float]) -> None:
        self._hello = _HELLO % host
        self._times = times
        self._have = -1
        self._sent = 0.0
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        if self._have < 0:
            if not data.startswith(b"HTTP/1.1 101") or not data.endswith(b"\r\n\r\n"):
                raise ValueError(f"no WebSocket: {data[:200]!r}")
            self._have = 0
            self.opened.set_result(None)
            return
        self._have += len(data)
        if self._have >= len(ANSWER):
            self._times.append(perf_counter() - self._sent)
            self.ask()

    def ask(self) -> None:
        self._have = 0
        self._sent = perf_counter()
        self._transport.write(QUESTION)


async def _talk(port: int, host: bytes, connections: int, seconds: float) -> None:
    times: list[float] = []
    talkers = []
    for _ in range(connections):
        _, talker = await asyncio.get_running_loop().create_connection(lambda: Talker(host, times), "127.0.0.1", port)
        await talker.opened
        talkers.append(talker)
    for talker in talkers:
        talker.ask()
    started = perf_counter()
    await asyncio.sleep(seconds)
    took, count = perf_counter() - started, len(times)
    times.sort()
    print(count, count / took, times[int(count * 0.99)] * 1_000)


if __name__ == "__main__":
    uvloop.run(_talk(int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3]), float(sys.argv[4])))
