"""What the stores count on, whichever engine it is."""

import asyncio
from collections.abc import Sequence

import pytest

from deployd.domain.errors import StateConflict, StoreUnusable
from deployd.stores.database import Database, Statement
from sql.loader import migrations
from tests.contracts.conftest import Place

VERSIONS = [{"version": number} for number, _ in enumerate(migrations("sqlite"), start=1)]
ADD = "INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $2, 1) RETURNING name"
TAKE = "UPDATE tokens SET hash = $2 WHERE name = $1 AND hash = $3 RETURNING name"
ORPHAN = "INSERT INTO routes (app, route) VALUES ($1, '{}')"


def add(name: str) -> Statement:
    return Statement(ADD, (name, f"hash of {name}"))


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.fetch("SELECT name FROM tokens ORDER BY name")]


async def test_parameters_are_taken_by_number_not_by_place(database: Database) -> None:
    row = await database.fetch_one(
        "SELECT CAST($2 AS TEXT) AS second, CAST($1 AS BIGINT) AS first, CAST($2 AS TEXT) AS again", 2**60, "two"
    )
    assert row == {"second": "two", "first": 2**60, "again": "two"}


async def test_a_transaction_gives_the_rows_of_each_statement(database: Database) -> None:
    results = await database.transact(add("a"), Statement("DELETE FROM tokens WHERE name = $1", ("b",)), add("c"))
    assert results == [[{"name": "a"}], [], [{"name": "c"}]]


async def test_what_was_committed_is_read_by_the_next_read(database: Database) -> None:
    for number in range(20):
        await database.transact(add(str(number)))
        assert await database.fetch_one("SELECT name FROM tokens WHERE name = $1", str(number)) is not None


async def test_a_refused_guard_undoes_the_statements_before_it(database: Database) -> None:
    with pytest.raises(StateConflict, match="somebody else has it"):
        await database.transact(add("a"), Statement(TAKE, ("a", "new", "other"), refusal="somebody else has it"))
    assert await names(database) == []


async def test_a_failing_transaction_takes_no_neighbour_with_it(database: Database) -> None:
    await database.transact(add("taken"))
    tries: list[tuple[Statement, ...]] = [(add(f"good {number}"),) for number in range(10)]
    tries.insert(3, (add("with an orphan"), Statement(ORPHAN, ("nobody",))))
    tries.insert(6, (add("with a double"), add("taken")))
    outcomes = await all_of(database, tries)
    assert [index for index, outcome in enumerate(outcomes) if outcome is not None] == [3, 6]
    assert await names(database) == sorted([f"good {number}" for number in range(10)] + ["taken"])


async def test_of_many_that_move_a_row_exactly_one_wins(database: Database) -> None:
    await database.transact(add("row"))
    tries = [(Statement(TAKE, ("row", f"mover {n}", "hash of row"), refusal="too late"),) for n in range(20)]
    outcomes = await all_of(database, tries)
    assert outcomes.count(None) == 1
    row = await database.fetch_one("SELECT hash FROM tokens")
    assert row == {"hash": f"mover {outcomes.index(None)}"}


async def all_of(database: Database, tries: Sequence[tuple[Statement, ...]]) -> list[str | None]:
    """All at once; None for each that went through, the text of its conflict otherwise."""

    async def attempt(statements: tuple[Statement, ...]) -> str | None:
        try:
            await database.transact(*statements)
        except StateConflict as conflict:
            return str(conflict)
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(statements)) for statements in tries]
    return [task.result() for task in tasks]


async def test_rows_outlive_the_connection_and_migrations_run_once(place: Place) -> None:
    first = await place.open()
    await first.transact(add("kept"))
    await first.close()
    second = await place.open()
    assert await names(second) == ["kept"]
    assert await second.fetch("SELECT version FROM schema_version ORDER BY version") == VERSIONS
    await second.close()


async def test_two_that_open_an_empty_database_at_once_migrate_it_once(place: Place) -> None:
    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(place.open()) for _ in range(2)]
    for database in (task.result() for task in opening):
        assert await database.fetch("SELECT version FROM schema_version ORDER BY version") == VERSIONS
        await database.close()


async def test_a_database_of_a_newer_version_is_refused(place: Place) -> None:
    newer = await place.open()
    await newer.transact(Statement("INSERT INTO schema_version (version, name) VALUES (9999, 'later')"))
    await newer.close()
    with pytest.raises(StoreUnusable, match=r"made by a newer deployd \(schema 9999"):
        await place.open()
