"""What only PostgreSQL can do to us: lose a connection under way."""

from contextlib import suppress

import asyncpg
import pytest

from deployd.domain.errors import ProviderUnavailable
from deployd.stores.database import Statement
from deployd.stores.postgres import PostgresDatabase
from tests.support.postgres import fresh_schema

pytestmark = pytest.mark.xdist_group("postgres")

CUT_ITSELF = "SELECT pg_terminate_backend(pg_backend_pid())"


async def test_a_connection_lost_in_a_transaction_is_an_outage_and_the_next_caller_gets_a_new_one(
    postgres: str,
) -> None:
    async with fresh_schema(postgres) as url:
        database = await PostgresDatabase.open(url)
        add = Statement("INSERT INTO tokens (name, hash, created_ms) VALUES ('a', 'a', 1)")
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await database.transact(add, Statement(CUT_ITSELF))
        assert await database.fetch("SELECT name FROM tokens") == []
        await database.close()


async def test_idle_connections_that_the_server_cut_are_replaced(postgres: str) -> None:
    async with fresh_schema(postgres) as url:
        database = await PostgresDatabase.open(url)
        idle = await database.fetch_one("SELECT pg_backend_pid() AS pid")
        assert idle is not None
        admin = await asyncpg.connect(postgres)
        assert await admin.fetchval("SELECT pg_terminate_backend($1)", idle["pid"])
        await admin.close()
        with suppress(ProviderUnavailable):  # The news may not have reached this end yet.
            await database.fetch("SELECT 1")
        assert await database.fetch("SELECT 2 AS two") == [{"two": 2}]
        await database.close()
