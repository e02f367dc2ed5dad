"""The embedded log store: one SQLite file, written by one thread, read by a few."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from deployd.domain.errors import DeploydError, ProviderUnavailable
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, Portion, Stored
from deployd.logs import sqlite_append, sqlite_query, sqlite_trim
from deployd.logs.sqlite_file import connect, errors_of, prepare, transaction

_READERS = 3
_READ_SECONDS = 10.0
_STEPS_BETWEEN_CHECKS = 20_000  # SQLite virtual machine steps: some milliseconds
_GROUP = 256

T = TypeVar("T")


class SqliteLogStore:
    """ports/log_store.LogStore. Callers that wait at the same time share one commit."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._waiting: deque[_Append] = deque()
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="log-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="log-reader")

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Raises StoreUnusable: corrupted, newer than this program, not to be opened."""
        return cls(path, await asyncio.to_thread(prepare, path))

    async def close(self) -> None:
        """After what was begun has ended."""
        await asyncio.to_thread(self._close)

    async def append(self, *portions: Portion) -> list[Stored]:
        """Once called it is carried out: cancelling it waits for the commit and then raises CancelledError."""
        job = _Append(portions)
        self._waiting.append(job)
        await self._in(self._writer, self._commit_waiting)
        return job.result()

    async def read(
        self,
        app: AppName | None,
        *,
        after: int | None = None,
        after_app: AppName | None = None,
        before: int | None = None,
        level: Level = Level.DEBUG,
        deployment: str | None = None,
        limit: int = 500,
    ) -> list[LogLine]:
        """ProviderUnavailable when it takes longer than ten seconds."""
        query = sqlite_query.select(app, after, after_app, before, level, deployment, limit)
        lines = await self._in(self._readers, lambda: list(map(sqlite_query.line_of, self._select(*query))))
        return lines if after is not None else lines[::-1]

    async def position(self, file: str) -> int:
        rows = await self._in(
            self._readers, lambda: self._select("SELECT position FROM log_position WHERE file = ?", [file])
        )
        return int(rows[0][0]) if rows else 0

    async def forget_position(self, file: str) -> None:
        await self._write(lambda db: db.execute("DELETE FROM log_position WHERE file = ?", (file,)))

    async def remove(self, app: AppName) -> None:
        """The lines there are now; what is appended meanwhile stays."""
        up_to = await self._write(lambda db: sqlite_trim.last_seq(db, app))
        while await self._write(lambda db: sqlite_trim.delete_app(db, app, up_to)):
            pass
        await self._give_back_space()

    async def trim(self, *, older_than_ms: int, keep_bytes: int) -> int:
        total = 0
        cursor: int | None = 0
        while cursor is not None:
            step = partial(sqlite_trim.delete_old, older_than_ms=older_than_ms, cursor=cursor)
            gone, cursor = await self._write(step)
            total += gone
        while gone := await self._write(lambda db: sqlite_trim.delete_excess(db, keep_bytes)):
            total += gone
        await self._give_back_space()
        return total

    async def _give_back_space(self) -> None:
        while await self._write(sqlite_trim.give_back_space):
            pass

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._in(self._writer, lambda: work(self._connection))

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Cancelling waits for the thread, so that nobody goes on while the work is still being done."""
        done = asyncio.get_running_loop().run_in_executor(threads, work)
        with errors_of(self._path):
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                await asyncio.wait([done])
                raise

    def _commit_waiting(self) -> None:
        """Takes what every caller brought; the call of one who was served already finds nothing to do."""
        jobs: list[_Append] = []
        while self._waiting and len(jobs) < _GROUP:
            jobs.append(self._waiting.popleft())
        if not jobs:
            return
        try:
            with errors_of(self._path), transaction(self._connection):
                stored = [sqlite_append.append(self._connection, job.portions) for job in jobs]
        except DeploydError as error:
            for job in jobs:
                job.error = error
        else:
            for job, outcome in zip(jobs, stored, strict=True):
                job.stored = outcome

    def _select(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self._reader() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        connection = self._idle.pop() if self._idle else connect(self._path)
        deadline = time.monotonic() + _READ_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        for connection in (*self._idle, self._connection):
            connection.close()


class _Append:
    """Some lines waiting for a commit, then what became of them."""

    def __init__(self, portions: Sequence[Portion]) -> None:
        self.portions = portions
        self.stored: list[Stored] | None = None
        self.error: DeploydError | None = None

    def result(self) -> list[Stored]:
        if self.stored is None:
            raise self.error or ProviderUnavailable("The lines were not stored: another append broke the commit.")
        return self.stored
