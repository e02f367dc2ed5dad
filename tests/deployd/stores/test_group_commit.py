"""Jobs that are given up, and what a full disk does to those of the same commit."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployd.domain.errors import ProviderUnavailable
from deployd.stores.database import Statement
from deployd.stores.group_commit import GroupCommit
from deployd.stores.sqlite_file import open_checked, run

ADD = "INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $1, 1)"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_checked(tmp_path / "deployd.db")
    yield connection
    connection.close()


@pytest.fixture
def group(connection: sqlite3.Connection) -> GroupCommit:
    return GroupCommit(connection, Path("deployd.db"))


def names(connection: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in run(connection, "SELECT name FROM tokens ORDER BY name")]


def test_a_job_given_up_while_it_waited_writes_nothing(group: GroupCommit, connection: sqlite3.Connection) -> None:
    jobs = [group.add((Statement(ADD, (name,)),)) for name in ("kept", "given up")]
    jobs[1].abandoned = True
    group.commit_waiting()
    assert jobs[0].result() == [[]]
    assert names(connection) == ["kept"]


def test_a_second_call_finds_nothing_left_to_commit(group: GroupCommit) -> None:
    for name in ("a", "b"):
        group.add((Statement(ADD, (name,)),))
    group.commit_waiting()
    group.commit_waiting()
    assert group.commits == 1


def test_on_a_full_disk_nobody_is_told_that_it_is_stored_when_it_is_not(
    group: GroupCommit, connection: sqlite3.Connection
) -> None:
    connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size at least: not a page more.
    jobs = [group.add((Statement(ADD, (name,)),)) for name in ("small", "big" * 100_000, "after")]
    group.commit_waiting()
    with pytest.raises(ProviderUnavailable, match="full"):
        jobs[1].result()
    stored = [job.statements[0].args[0] for job in jobs if not isinstance(job.outcome, Exception)]
    assert names(connection) == sorted(map(str, stored))

    connection.execute("PRAGMA max_page_count = 100000")
    retry = group.add((Statement(ADD, ("later",)),))
    group.commit_waiting()
    assert retry.result() == [[]]
