"""Keeps events in SQL and tells them to whoever listens."""

import asyncio
from collections import deque
from collections.abc import Sequence

from deployd.domain.event import Event
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Statement, Value
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("events")
_FEED_HOLDS = 1_000
_KEPT = 100_000
_TRIMMED_EVERY = 1_000


class SqlEventFeed:
    """One listener's queue: when it is full the oldest event gives way."""

    def __init__(self, feeds: "set[SqlEventFeed]") -> None:
        self._feeds = feeds
        self._events: deque[Event] = deque(maxlen=_FEED_HOLDS)
        self._arrived = asyncio.Event()
        feeds.add(self)

    def push(self, event: Event) -> None:
        self._events.append(event)
        self._arrived.set()

    async def next(self) -> Event:
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    def close(self) -> None:
        self._feeds.discard(self)


class SqlEventLog:
    """Keeps at least the newest `kept` rows; what is older goes with every `trimmed_every`th record."""

    def __init__(
        self, database: Database, broken: BrokenRows, *, kept: int = _KEPT, trimmed_every: int = _TRIMMED_EVERY
    ) -> None:
        self._broken = broken
        self._database = database
        self._kept = kept
        self._trimmed_every = trimmed_every
        self._feeds: set[SqlEventFeed] = set()
        self._recorded = 0

    async def record(self, event: Event) -> None:
        await self.record_with((), event)

    async def write(self, event: Event | None, *statements: Statement) -> None:
        """The statements, and with them the event where there is one."""
        if event is None:
            await self._database.transact(*statements)
        else:
            await self.record_with(statements, event)

    async def record_with(self, statements: Sequence[Statement], event: Event) -> None:
        """In one transaction: the event is a fact only if they were carried out, and they leave none without it."""
        ours = [Statement(_SQL["add"], _columns(event))]
        if self._recorded % self._trimmed_every == 0:
            ours.append(Statement(_SQL["forget_beyond"], (self._kept,)))
        self._recorded += 1
        await self._database.transact(*statements, *ours)
        for feed in self._feeds:
            feed.push(event)

    def subscribe(self) -> SqlEventFeed:
        return SqlEventFeed(self._feeds)

    async def recent(self, limit: int, app: str | None = None) -> list[Event]:
        if app is None:
            rows = await self._database.fetch(_SQL["recent"], limit)
        else:
            rows = await self._database.fetch(_SQL["recent_of_app"], app, limit)
        return await self._broken.readable(
            "The event",
            rows,
            lambda row: str(row["id"]),
            lambda row: str(row["app"]),
            lambda row: from_row(Event, row, "data"),
        )


def _columns(event: Event) -> tuple[Value, ...]:
    return (
        event.id,
        event.type,
        event.time_ms,
        event.subject,
        event.app,
        event.correlation,
        event.causation,
        to_json(event.data),
    )
