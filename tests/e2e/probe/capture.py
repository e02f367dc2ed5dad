"""An upstream that keeps every byte it gets and answers each request that h11, another reader, makes out."""

import asyncio
from dataclasses import dataclass, field
from itertools import count

import h11

ANSWER_FIELD = "x-answer"
_WEBSOCKET_VERSION = b"13"


@dataclass
class Seen:
    """What arrived since `Capture.forget`; `begun` counts request heads, `whole` those with all of their body."""

    wire: bytes = b""
    begun: list[str] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Capture:
    """Every answer has a number of its own, so that a client's answer can be told to be the one to its request."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.port = 0
        self._numbers = count(1)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    def forget(self) -> None:
        self.seen = Seen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._converse(reader, writer)
        except h11.RemoteProtocolError as error:
            self.seen.faults.append(str(error))
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        request: h11.Request | None = None
        body = 0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65_536)
                if not data:
                    return
                self.seen.wire += data
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                request, body = event, 0
                self.seen.begun.append(f"{event.method.decode()} {event.target.decode()}")
            elif isinstance(event, h11.Data):
                body += len(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                number = next(self._numbers)
                self.seen.whole.append(number)
                writer.write(_answer(request, number, body))
                _answered(connection)
                if connection.our_state is not h11.DONE:
                    return
                connection.start_next_cycle()
            else:
                return


def _answer(request: h11.Request, number: int, body: int) -> bytes:
    """204 with a length, and 101 to whoever asks for a WebSocket: what a gateway must put right or keep away."""
    fields = dict(request.headers)
    marked = f"{ANSWER_FIELD}: {number}\r\n"
    if fields.get(b"upgrade") == b"websocket":
        if fields.get(b"sec-websocket-version") == _WEBSOCKET_VERSION:
            return f"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n{marked}\r\n".encode()
        return f"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n{marked}\r\n".encode()
    if request.method == b"OPTIONS" and request.target != b"*":
        return f"HTTP/1.1 204 No Content\r\nAllow: GET\r\nContent-Length: 0\r\n{marked}\r\n".encode()
    text = f"{request.method.decode()} {request.target.decode()} {body}\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n{marked}\r\n"
    return (head + ("" if request.method == b"HEAD" else text)).encode()


def _answered(connection: h11.Connection) -> None:
    """Tells h11 that the answer is out, which is written by hand above."""
    connection.send(h11.Response(status_code=204, headers=[]))
    connection.send(h11.EndOfMessage())
