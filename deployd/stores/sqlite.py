"""The default database: one SQLite file, one writer thread with group commit, a few readers beside it."""

import asyncio
import sqlite3
from pathlib import Path

from deployd.stores.batches import Batches
from deployd.stores.database import Row, Statement, Value
from deployd.stores.group_commit import GroupCommit, Job
from deployd.stores.sqlite_file import connect, expected, open_checked, run

_READERS = 2
_READS_AT_ONCE = 32
_WRITES_AT_ONCE = 512
"""As many share one commit at most."""


class _Read:
    """One caller's query; `outcome` is set once it was run."""

    __slots__ = ("args", "outcome", "sql")

    def __init__(self, sql: str, args: tuple[Value, ...]) -> None:
        self.sql = sql
        self.args = args
        self.outcome: list[Row] | Exception = []


class SqliteDatabase:
    """Reads see everything committed before they began, and never wait for the writer (WAL)."""

    @classmethod
    async def open(cls, path: Path) -> "SqliteDatabase":
        """Makes the file when there is none. StoreUnusable when it is damaged or newer than this program."""
        return cls(await asyncio.to_thread(open_checked, path), path)

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._path = path
        self._connection = connection
        self._group = GroupCommit(connection, path)
        self._idle_readers = [connect(path, read_only=True) for _ in range(_READERS)]
        self._reads = Batches(self._read, threads=_READERS, most=_READS_AT_ONCE, name="sqlite-read")
        self._writes = Batches(self._group.commit, threads=1, most=_WRITES_AT_ONCE, name="sqlite-write")

    @property
    def commits(self) -> int:
        """How many were made so far; fewer than `transact` calls when these came together."""
        return self._group.commits

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        read = _Read(sql, args)
        await self._reads.done(read)
        if isinstance(read.outcome, Exception):
            raise read.outcome
        return read.outcome

    async def fetch_one(self, sql: str, *args: Value) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        job = Job(statements)
        try:
            await self._writes.done(job)
        except asyncio.CancelledError:
            job.abandoned = True
            raise
        return job.result()

    async def close(self) -> None:
        """Waits for what runs; the last connection to close folds the WAL into the file."""
        await asyncio.to_thread(self._close)

    def _read(self, reads: list[_Read]) -> None:
        connection = self._idle_readers.pop()  # As many as threads, so there is always one.
        try:
            for read in reads:
                try:
                    read.outcome = run(connection, read.sql, read.args)
                except sqlite3.Error as error:
                    read.outcome = expected(error, self._path)
        finally:
            self._idle_readers.append(connection)

    def _close(self) -> None:
        self._reads.close()
        self._writes.close()
        for connection in (*self._idle_readers, self._connection):
            connection.close()
