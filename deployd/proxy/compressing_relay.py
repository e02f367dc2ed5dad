"""A relay whose client takes compressed answers: what the upstream sends plain is compressed on its way."""

import asyncio
from typing import TYPE_CHECKING

from deployd.proxy.compressed_head import plain
from deployd.proxy.compressors import ON_THE_SPOT, Encoder
from deployd.proxy.relay import Relay
from deployd.proxy.request_head import RequestHead
from deployd.proxy.response_head import ResponseHead
from deployd.proxy.service import Service

if TYPE_CHECKING:
    from deployd.proxy.protocol import ClientConnection

_FLUSH_SECONDS = 0.005
"""Nothing that the upstream has sent stays in the compressor for longer, and bulk is not cut into small blocks."""


class CompressingRelay(Relay):
    """While a thread compresses, the upstream is not read and nothing else touches the encoder."""

    __slots__ = ("_busy", "_encoder", "_flush", "_queue", "_whole")

    def __init__(self, client: "ClientConnection", head: RequestHead, service: Service) -> None:
        super().__init__(client, head, service)
        self._encoder: Encoder | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._queue: list[bytes] = []
        self._busy = False
        self._whole = False

    def respond(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        answer = plain(head) if self.head.is_1_1 else None
        if answer is None:
            super().respond(head, body, complete)
            return
        coding = self.head.codings[0][0]
        compressors = self.plane.compressors
        if complete and len(body) <= ON_THE_SPOT:
            packed = compressors.whole(coding, body)
            if len(packed) < len(body):
                head, body = answer.packed(coding, len(packed)), packed
            super().respond(head, body, True)
            return
        self._encoder = compressors.open(coding)
        if self._encoder is None:
            super().respond(head, body, complete)
            return
        super().respond(answer.packed(coding), b"", False)
        if body:
            self.data(body)
        if complete:
            self.complete()

    def data(self, piece: bytes) -> None:
        encoder = self._encoder
        if encoder is None:
            super().data(piece)
        elif self._busy:
            self._queue.append(piece)
        elif len(piece) > ON_THE_SPOT:
            self._queue.append(piece)
            self._busy = True
            super().pause_source()
            self.plane.tasks.spawn(self._compress(encoder), name=f"compress for {self.client.ip}")
        else:
            self._emit(encoder.feed(piece))
            self._flush_soon()

    async def _compress(self, encoder: Encoder) -> None:
        while self._queue and not self.ended:
            pieces, self._queue = self._queue, []
            self._emit(await self.plane.compressors.feed(encoder, b"".join(pieces)))
        self._busy = False
        if self.ended:
            return
        if self._whole:
            self.complete()
            return
        self._flush_soon()
        if not self.client.write_paused:
            super().resume_source()

    def _emit(self, packed: bytes) -> None:
        if packed and not self.ended:
            super().data(packed)

    def _flush_soon(self) -> None:
        if self._flush is None:
            self._flush = self.plane.loop.call_later(_FLUSH_SECONDS, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        if self._encoder is not None and not self._busy and not self.ended:
            self._emit(self._encoder.flush())

    def complete(self) -> None:
        if self._busy:
            self._whole = True
            return
        if self._encoder is not None:
            self._emit(self._encoder.finish())
        super().complete()

    @property
    def choked(self) -> bool:
        return self._busy or super().choked

    def resume_source(self) -> None:
        if not self._busy:
            super().resume_source()

    def end(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._encoder is not None:
            self._encoder = None
            self.plane.compressors.close()
        super().end()
