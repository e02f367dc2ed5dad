"""Jobs that are given up, and what a full disk does to those of the same commit."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployd.domain.errors import ProviderUnavailable
from deployd.stores.database import Statement
from deployd.stores.group_commit import GroupCommit, Job
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


def a_job(name: str) -> Job:
    return Job((Statement(ADD, (name,)),))


def names(connection: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in run(connection, "SELECT name FROM tokens ORDER BY name")]


def test_a_job_given_up_while_it_waited_writes_nothing(group: GroupCommit, connection: sqlite3.Connection) -> None:
    jobs = [a_job("kept"), a_job("given up")]
    jobs[1].abandoned = True
    group.commit(jobs)
    assert jobs[0].result() == [[]]
    assert names(connection) == ["kept"]


def test_nothing_is_committed_for_nobody(group: GroupCommit) -> None:
    group.commit([a_job("a"), a_job("b")])
    group.commit([])
    assert group.commits == 1


def test_on_a_full_disk_nobody_is_told_that_it_is_stored_when_it_is_not(
    group: GroupCommit, connection: sqlite3.Connection
) -> None:
    connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size at least: not a page more.
    jobs = [a_job(name) for name in ("small", "big" * 100_000, "after")]
    group.commit(jobs)
    with pytest.raises(ProviderUnavailable, match="full"):
        jobs[1].result()
    stored = [job.statements[0].args[0] for job in jobs if not isinstance(job.outcome, Exception)]
    assert names(connection) == sorted(map(str, stored))

    connection.execute("PRAGMA max_page_count = 100000")
    retry = a_job("later")
    group.commit([retry])
    assert retry.result() == [[]]
