"""Reads back the HTTP/1.1 answers that the proxy itself writes, to say them again in frames."""

from deployd.proxy.chunked import ChunkedDecoder

_OF_A_CONNECTION = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"proxy-connection"})
_BODILESS = (204, 304)
_UNTIL_CLOSE = -1

Head = tuple[int, list[tuple[bytes, bytes]]]


class AnswerReader:
    """Fed what was written, in any split. An answer is `complete` when all of its body was there."""

    __slots__ = ("_buffer", "_decoder", "_left", "_to_head", "complete", "started")

    def __init__(self, to_head: bool) -> None:
        self._to_head = to_head
        self._buffer = b""
        self._left = 0
        self._decoder: ChunkedDecoder | None = None
        self.started = False
        self.complete = False

    def feed(self, data: bytes) -> tuple[list[Head], list[bytes]]:
        """Heads (interim ones, too) and pieces of the body."""
        heads: list[Head] = []
        while not self.started:
            self._buffer += data
            raw, found, data = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return heads, []
            self._buffer = b""
            heads.append(self._head(raw))
        return heads, self._body(data)

    def closed(self) -> None:
        """The answer's writer has ended: that is the end of a body whose length was not said."""
        if self.started and self._left == _UNTIL_CLOSE:
            self.complete = True

    def _head(self, raw: bytes) -> Head:
        start, *lines = raw.split(b"\r\n")
        status = int(start[9:12])
        fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        if status >= 200:
            self._begin_body(status, dict(fields))
        return status, [field for field in fields if field[0] not in _OF_A_CONNECTION]

    def _begin_body(self, status: int, fields: dict[bytes, bytes]) -> None:
        self.started = True
        if self._to_head or status in _BODILESS:
            self.complete = True
        elif b"transfer-encoding" in fields:
            self._decoder = ChunkedDecoder()
        elif b"content-length" in fields:
            self._left = int(fields[b"content-length"])
            self.complete = not self._left
        else:
            self._left = _UNTIL_CLOSE

    def _body(self, data: bytes) -> list[bytes]:
        if self.complete or not data:
            return []
        if self._decoder is not None:
            pieces = self._decoder.feed(data)
            while self._decoder.more:
                pieces += self._decoder.feed(b"")
            self.complete = self._decoder.done
            return pieces
        if self._left != _UNTIL_CLOSE:
            data = data[: self._left]
            self._left -= len(data)
            self.complete = not self._left
        return [data]
