"""The SQLite engine: group commit, durability, readers beside the writer."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from deployd.domain.errors import ProviderUnavailable
from deployd.stores.database import Statement
from deployd.stores.sqlite import SqliteDatabase

ADD = "INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $1, 1)"
NAMES = "SELECT name FROM tokens ORDER BY name"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "deployd.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(file)
    yield database
    await database.close()


async def test_writers_that_wait_together_share_a_commit(database: SqliteDatabase) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(database.transact(Statement(ADD, (str(number),))))
    assert len(await database.fetch(NAMES)) == 200
    assert database.commits <= 20


async def test_a_mistake_among_reads_that_wait_together_is_its_callers_alone(database: SqliteDatabase) -> None:
    await database.transact(Statement(ADD, ("one",)))
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(database.fetch(NAMES)) for _ in range(100)]
        wrong = group.create_task(_refused(database.fetch("SELECT 1 FROM nowhere")))
        reads += [group.create_task(database.fetch(NAMES)) for _ in range(100)]
    assert await wrong == "no such table: nowhere"
    assert all(read.result() == [{"name": "one"}] for read in reads)


async def _refused(reading: Coroutine[Any, Any, object]) -> str:
    with pytest.raises(sqlite3.OperationalError) as error:
        await reading
    return str(error.value)


async def test_more_writers_than_slots_are_all_served(database: SqliteDatabase) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(1_500):
            group.create_task(database.transact(Statement(ADD, (str(number),))))
    assert len(await database.fetch(NAMES)) == 1_500


async def test_what_was_acknowledged_survives_kill_9_and_no_pair_is_torn(file: Path) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.deployd.stores.endless_writer", file, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    acknowledged = {(await writer.stdout.readline()).decode().strip() for _ in range(500)}
    writer.kill()
    rest, _ = await writer.communicate()
    acknowledged |= set(rest.decode().rpartition("\n")[0].split())

    survivor = await SqliteDatabase.open(file)
    names = {row["name"] for row in await survivor.fetch(NAMES)}
    await survivor.close()
    assert acknowledged <= names
    singles = {name for name in names if not name.startswith("twin of ")}
    assert {f"twin of {name}" for name in singles} == names - singles


async def test_reads_go_on_while_another_program_holds_the_write_lock(file: Path, database: SqliteDatabase) -> None:
    await database.transact(Statement(ADD, ("before",)))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(database.transact(Statement(ADD, ("after",))))
        assert await database.fetch(NAMES) == [{"name": "before"}]
        assert not writing.done()
        other.execute("ROLLBACK")
    other.close()
    assert await database.fetch(NAMES) == [{"name": "after"}, {"name": "before"}]


async def test_a_cancelled_writer_disturbs_nobody(file: Path, database: SqliteDatabase) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        group.create_task(database.transact(Statement(ADD, ("first",))))
        waiting = group.create_task(database.transact(Statement(ADD, ("cancelled",))))
        await asyncio.sleep(0)
        waiting.cancel()
        group.create_task(database.transact(Statement(ADD, ("last",))))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
    other.close()
    assert waiting.cancelled()
    assert {"first", "last"} <= {row["name"] for row in await database.fetch(NAMES)}


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(ProviderUnavailable, match="readonly"):
        await database.fetch(ADD, "sneaked in")
    assert await database.fetch(NAMES) == []


async def test_a_mistake_in_sql_fails_its_caller_and_nobody_else(database: SqliteDatabase) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.transact(Statement("DELETE FROM nowhere"))
    with pytest.raises(OverflowError):
        await database.transact(Statement("UPDATE tokens SET created_ms = $1", (2**80,)))
    await database.transact(Statement(ADD, ("fine",)))
    assert await database.fetch(NAMES) == [{"name": "fine"}]


async def test_closing_leaves_no_thread(file: Path) -> None:
    database = await SqliteDatabase.open(file)
    await database.transact(Statement(ADD, ("a",)))
    await database.fetch(NAMES)
    await database.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("sqlite-")] == []
