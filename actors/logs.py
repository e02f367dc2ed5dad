"""LogActor: every line of every app passes here: redacted, numbered and stored first, then shown to who watches."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, assert_never

from deployd.domain.errors import DeploydError, ProviderUnavailable, StateConflict
from deployd.domain.log_line import Portion, Stored
from deployd.kernel.actor import Actor
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.logs.figures import LogFigures
from deployd.logs.pending import Batch, Pending
from deployd.logs.prepare import prepared
from deployd.logs.redaction import Redactor
from deployd.logs.tail import TailHub
from deployd.messages.log import AppendAt, AppendLines, ForgetApp, LogMessage, OpenTail, RememberSecrets
from deployd.ports.log_store import LogStore

_TRIM_EVERY_SECONDS = 3600.0
_RETRY_FIRST_SECONDS = 0.25
_RETRY_MOST_SECONDS = 15.0
_DAY_MS = 86_400_000
_MB = 1_000_000

T = TypeVar("T")
Trouble = Callable[[str | None], None]


def _ignore(_: str | None) -> None: ...


class LogActor(Actor[LogMessage]):
    """One flusher keeps the order: what a viewer sees is on the disk, and a later line is never stored before.

    A store that fails for a while (disk full) is tried again and again while lines wait in a bounded buffer;
    `on_trouble` gets the sentence for people, then None once it is over. StoreUnusable ends the actor.
    """

    expected = (StateConflict,)  # StoreUnusable is not one: it must end the actor

    def __init__(
        self,
        ref: Ref[LogMessage],
        store: LogStore,
        clock: Clock,
        redactor: Redactor,
        *,
        keep_days: float = 14,
        keep_mb: int = 500,
        figures: LogFigures | None = None,
        on_trouble: Trouble = _ignore,
    ) -> None:
        """`redactor` is handed in because what it knows must outlive a crash of this actor."""
        super().__init__(ref)
        self._store = store
        self._clock = clock
        self._keep_ms = int(keep_days * _DAY_MS)
        self._keep_bytes = keep_mb * _MB
        self._on_trouble = on_trouble
        self._redactor = redactor
        self._figures = figures or LogFigures()
        self._pending = Pending(self._figures)
        self._hub = TailHub(store, self._figures)
        self._in_hand: Batch | None = None

    async def on_start(self) -> None:
        self.spawn(self._flush_forever(), name="log flusher")
        self.spawn(self._trim_forever(), name="log retention")

    async def handle(self, message: LogMessage) -> object:
        match message:
            case AppendLines(lines=lines):
                self._pending.add(lines)
            case AppendAt(lines=lines, position=position):
                stored = asyncio.get_running_loop().create_future()
                self._pending.add_at(lines, position, stored)
                return self.spawn(_answer(stored), name=f"log position {position.file}")
            case RememberSecrets(app=app, secrets=secrets):
                self._redactor.remember(app, secrets)
            case ForgetApp(app=app):
                self._pending.add_forget(app)
            case OpenTail():
                return self._hub.open(message)
            case _:
                assert_never(message)
        return None

    async def on_stop(self) -> None:
        """One attempt for what still waits; viewers come back with the number they have seen."""
        try:
            while self._in_hand is not None or self._pending:
                batch = self._next_batch()
                stored = await self._append(await self._prepare(batch), batch)
                await self._finish(batch, stored)
        finally:
            self._hub.close()

    async def _flush_forever(self) -> None:
        while True:
            await self._pending.filled()
            batch = self._next_batch()
            portions = await self._prepare(batch)
            stored = await self._insist(partial(self._append, portions, batch))
            await self._finish(batch, stored)
            await self._hub.publish([line for portion in stored for line in portion.lines])

    def _next_batch(self) -> Batch:
        if self._in_hand is None:
            self._in_hand = self._pending.take(self._clock.now_ms())
        return self._in_hand

    async def _prepare(self, batch: Batch) -> list[Portion]:
        return await asyncio.to_thread(_prepared, batch.portions, self._redactor)

    async def _append(self, portions: list[Portion], batch: Batch) -> list[Stored]:
        """From here on the batch is the store's: an append that was begun is not undone by cancelling it."""
        self._in_hand = None
        try:
            stored = await self._store.append(*portions)
        except DeploydError:
            self._in_hand = batch
            raise
        self._figures.stored += sum(len(portion.lines) for portion in stored)
        return stored

    async def _finish(self, batch: Batch, stored: list[Stored]) -> None:
        for waiting, portion in zip(batch.waiting, stored, strict=True):
            if waiting is not None and portion.position is not None and not waiting.done():
                waiting.set_result(portion.position)
        if batch.forget is not None:
            await self._insist(partial(self._store.remove, batch.forget))

    async def _trim_forever(self) -> None:
        while True:
            await self._insist(self._trim)
            await asyncio.sleep(_TRIM_EVERY_SECONDS)

    async def _trim(self) -> None:
        older_than_ms = self._clock.now_ms() - self._keep_ms
        self._figures.trimmed += await self._store.trim(older_than_ms=older_than_ms, keep_bytes=self._keep_bytes)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Tries again for as long as the store cannot do it, and says so."""
        pause = _RETRY_FIRST_SECONDS
        while True:
            try:
                result = await work()
            except ProviderUnavailable as error:
                self._on_trouble(str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _RETRY_MOST_SECONDS)
            else:
                if pause > _RETRY_FIRST_SECONDS:
                    self._on_trouble(None)
                return result


def _prepared(portions: list[Portion], redactor: Redactor) -> list[Portion]:
    return [Portion(lines=prepared(portion.lines, redactor), position=portion.position) for portion in portions]


async def _answer(stored: asyncio.Future[int]) -> int:
    return await stored
