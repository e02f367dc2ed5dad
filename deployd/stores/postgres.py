"""The other database: PostgreSQL through asyncpg, for when several people or backups need it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from deployd.domain.errors import ProviderUnavailable, StateConflict, StoreUnusable
from deployd.stores import migrate
from deployd.stores.database import Row, Statement, Value

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Session: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_CONNECT_SECONDS = 10.0
_COMMAND_SECONDS = 30.0
_MOST_CONNECTIONS = 8
_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_MIGRATION_LOCK = 0x6465706C6F7964
"""Names deployd among the advisory locks of the server, so that two starting at once migrate one after the other."""


class PostgresDatabase:
    """READ COMMITTED is enough: every decision is one guarded statement, which PostgreSQL repeats on the newest row."""

    @classmethod
    async def open(cls, url: str) -> "PostgresDatabase":
        """Connects and migrates. StoreUnusable when it cannot be reached, refuses us, or is newer than this program."""
        where = _without_password(url)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                pool = await asyncpg.create_pool(
                    url, min_size=1, max_size=_MOST_CONNECTIONS, command_timeout=_COMMAND_SECONDS
                )
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreUnusable(f"The database {where} cannot be used: {_reason(error)}.") from error
        database = cls(pool, where)
        try:
            async with database._session() as session, session.transaction():
                await _migrate(session, f"The database {where}")
        except asyncpg.PostgresError as error:
            await database.close()
            raise StoreUnusable(f"The database {where} cannot be brought up to date: {_reason(error)}.") from error
        except BaseException:
            await database.close()
            raise
        return database

    def __init__(self, pool: Pool, where: str) -> None:
        self._pool = pool
        self._where = where

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        async with self._session() as session:
            return [dict(row) for row in await session.fetch(sql, *args)]

    async def fetch_one(self, sql: str, *args: Value) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        async with self._session() as session, session.transaction():
            return [await _run(session, statement) for statement in statements]

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        try:
            async with self._pool.acquire(timeout=_CONNECT_SECONDS) as connection:
                yield connection
        except asyncpg.ForeignKeyViolationError as error:
            raise StateConflict("What this belongs to was removed meanwhile.") from error
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError) as error:
            raise StateConflict("Another change to the same row came first.") from error
        except (
            OSError,  # TimeoutError is one.
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # What asyncpg says when it meets the end of a connection half-way.
            asyncpg.InsufficientResourcesError,
            asyncpg.OperatorInterventionError,
        ) as error:
            raise ProviderUnavailable(f"The database {self._where} does not answer: {_reason(error)}.") from error


async def _run(session: Session, statement: Statement) -> list[Row]:
    rows: list[Row] = [dict(row) for row in await session.fetch(statement.sql, *statement.args)]
    if statement.refusal is not None and not rows:
        raise StateConflict(statement.refusal)
    return rows


async def _migrate(session: Session, where: str) -> None:
    await session.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
    await session.execute(migrate.CREATE_TABLE)
    applied = int(await session.fetchval(migrate.NEWEST))
    for migration in migrate.due("postgres", applied, where):
        for statement in migration.statements:
            await session.execute(statement)
        await session.execute(migrate.NOTE, migration.version, migration.name)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    said = _NUMBER.sub("", str(error)).splitlines()
    return said[0].rstrip(".") if said else "no answer in time"
