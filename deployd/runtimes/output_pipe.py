"""Streams the output of a process that deployd waits for, line by line."""

import asyncio
from collections.abc import Callable
from typing import IO, Self

from deployd.pipes import open_pipe, read_pipe
from deployd.runtimes.lines import cut_lines


class OutputPipe:
    """`writer` goes to the process; `drained` is set when the last holder of a writing end has gone.

    Whoever has started the process closes `writer`; the end comes when the process has closed its own.
    """

    writer: IO[bytes]

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.drained = asyncio.Event()
        self._on_line = on_line

    async def __aenter__(self) -> Self:
        way_out, self.writer = open_pipe()
        try:
            self._transport, _ = await read_pipe(lambda: _Lines(self._on_line, self.drained), way_out)
        except BaseException:
            self.writer.close()
            raise
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.writer.close()
        self._transport.close()
        await self.drained.wait()


class _Lines(asyncio.Protocol):
    def __init__(self, on_line: Callable[[str], None], ended: asyncio.Event) -> None:
        self._on_line = on_line
        self._ended = ended
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        self._deliver(final=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deliver(final=True)
        self._ended.set()

    def _deliver(self, *, final: bool) -> None:
        start = 0
        while True:
            lines, after = cut_lines(self._rest, start, final=final)
            if not lines:
                break
            start = after
            for line in lines:
                self._on_line(line)
        self._rest = self._rest[start:]
