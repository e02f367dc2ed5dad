"""Every contract is run on both engines."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from deployd.ports.stores import Stores
from deployd.stores.database import Database
from deployd.stores.master_key import MasterKey
from deployd.stores.stores import open_database, open_stores
from tests.support.postgres import fresh_schema, postgres_server

KEY = MasterKey(bytes(range(32)))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database is, to be opened as often as a test likes."""

    file: Path
    url: str

    async def open(self) -> Database:
        return await open_database(self.file, self.url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "sqlite":
        yield Place(file=tmp_path / "deployd.db", url="")
        return
    async with fresh_schema(request.getfixturevalue("postgres")) as url:
        yield Place(file=tmp_path / "unused.db", url=url)


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    database = await place.open()
    yield database
    await database.close()


@pytest.fixture
def stores(database: Database) -> Stores:
    return open_stores(database, KEY)
