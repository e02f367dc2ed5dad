"""Runs the transactions of many waiting callers as one SQLite transaction: one fsync for all of them."""

import sqlite3
from pathlib import Path

from deployd.domain.errors import ProviderUnavailable, StateConflict
from deployd.stores.database import Row, Statement
from deployd.stores.sqlite_file import expected, run

Results = list[list[Row]]


class Job:
    """One caller's transaction; `outcome` is set once it is durable or undone."""

    __slots__ = ("abandoned", "outcome", "statements")

    def __init__(self, statements: tuple[Statement, ...]) -> None:
        self.statements = statements
        self.outcome: Results | Exception | None = None
        self.abandoned = False

    def result(self) -> Results:
        if self.outcome is None:
            raise ProviderUnavailable("The database could not keep this change; try again.")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class GroupCommit:
    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.commits = 0

    def commit(self, jobs: list[Job]) -> None:
        """Each job has its outcome when this returns, but for those that were given up meanwhile."""
        jobs = [job for job in jobs if not job.abandoned]
        if not jobs:
            return
        try:
            results = self._commit_all(jobs)
        except sqlite3.Error as error:
            results = [expected(error, self._path)] * len(jobs)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        for job, result in zip(jobs, results, strict=True):
            job.outcome = result

    def _commit_all(self, jobs: list[Job]) -> list[Results | Exception]:
        self._connection.execute("BEGIN IMMEDIATE")
        results = [self._run(job) for job in jobs]
        self._connection.execute("COMMIT")
        self.commits += 1
        return results

    def _run(self, job: Job) -> Results | Exception:
        """Its own savepoint, so that a job that fails takes nobody with it."""
        self._connection.execute("SAVEPOINT job")
        try:
            results = self._run_statements(job.statements)
        except (sqlite3.Error, StateConflict, ValueError, OverflowError) as error:
            if not self._connection.in_transaction:  # SQLite gave the whole transaction up (disk full, I/O error).
                raise
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return expected(error, self._path) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("RELEASE job")
        return results

    def _run_statements(self, statements: tuple[Statement, ...]) -> Results:
        results = []
        for statement in statements:
            rows = run(self._connection, statement.sql, statement.args)
            if statement.refusal is not None and not rows:
                raise StateConflict(statement.refusal)
            results.append(rows)
        return results
