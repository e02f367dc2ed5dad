"""The bounds of the event log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.domain.event import Event, EventType
from deployd.domain.ids import EventId
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database
from deployd.stores.events import SqlEventLog
from deployd.stores.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await SqliteDatabase.open(tmp_path / "deployd.db")
    yield database
    await database.close()


def event(number: int) -> Event:
    return Event(id=EventId(f"evt-{number}"), type=EventType.APP_CHANGED, time_ms=number, subject="shop")


async def test_in_a_full_feed_the_oldest_events_give_way(database: Database) -> None:
    log = SqlEventLog(database, BrokenRows())
    feed = log.subscribe()
    for number in range(1_005):
        feed.push(event(number))
    assert await feed.next() == event(5)


async def test_only_the_newest_rows_are_kept(database: Database) -> None:
    log = SqlEventLog(database, BrokenRows(), kept=10, trimmed_every=5)
    for number in range(26):
        await log.record(event(number))
    assert [one.time_ms for one in await log.recent(100)] == list(range(25, 15, -1))
