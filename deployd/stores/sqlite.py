"""The default database: one SQLite file, one writer thread with group commit, a few readers beside it."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployd.stores.database import Row, Statement, Value
from deployd.stores.group_commit import GroupCommit
from deployd.stores.sqlite_file import connect, expected, open_checked, run

_READERS = 2
_WRITES_AT_ONCE = 512
"""Callers beyond these wait in line, which also bounds the size of one commit."""


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
        self._slots = asyncio.Semaphore(_WRITES_AT_ONCE)
        self._idle_readers = [connect(path, read_only=True) for _ in range(_READERS)]
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")

    @property
    def commits(self) -> int:
        """How many were made so far; fewer than `transact` calls when these came together."""
        return self._group.commits

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, sql, args)

    async def fetch_one(self, sql: str, *args: Value) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        async with self._slots:
            job = self._group.add(statements)
            try:
                await asyncio.get_running_loop().run_in_executor(self._writing, self._group.commit_waiting)
            except asyncio.CancelledError:
                job.abandoned = True
                raise
            return job.result()

    async def close(self) -> None:
        """Waits for what runs; the last connection to close folds the WAL into the file."""
        await asyncio.to_thread(self._close)

    def _read(self, sql: str, args: tuple[Value, ...]) -> list[Row]:
        connection = self._idle_readers.pop()  # As many as threads, so there is always one.
        try:
            return run(connection, sql, args)
        except sqlite3.Error as error:
            raise expected(error, self._path) from error
        finally:
            self._idle_readers.append(connection)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        for connection in (*self._idle_readers, self._connection):
            connection.close()
