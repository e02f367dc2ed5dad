"""What is said when PostgreSQL cannot be used; the rest is in the contracts."""

import socket

import pytest

from deployd.domain.errors import StoreUnusable
from deployd.stores.postgres import PostgresDatabase


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # Bound and not listening: connections are refused.
        url = f"postgresql://deployd:hunter2@127.0.0.1:{closed.getsockname()[1]}/paas"
        with pytest.raises(StoreUnusable) as refusal:
            await PostgresDatabase.open(url)
    where = url.replace("deployd:hunter2@", "")
    assert str(refusal.value) == f"The database {where} cannot be used: Connection refused."
