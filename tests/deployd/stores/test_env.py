"""Env on the disk."""

from pathlib import Path

import pytest

from deployd.domain.app import App, AppSettings
from deployd.domain.env import EnvLayer, EnvValue
from deployd.domain.errors import BrokenRow
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.stores.apps import SqlAppStore
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Statement
from deployd.stores.env import SqlEnvStore
from deployd.stores.events import SqlEventLog
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase

KEY = MasterKey(bytes(range(32)))
SHOP, BLOG = AppName("shop"), AppName("blog")


async def filled(file: Path) -> Database:
    database = await SqliteDatabase.open(file)
    values = {"API_KEY": EnvValue(value=Secret("correct-horse-battery"), secret=True)}
    for name in (SHOP, BLOG):
        broken = BrokenRows()
        await SqlAppStore(database, MasterKey(bytes(32)), SqlEventLog(database, broken), broken).put(
            App(name=name, settings=AppSettings(upstream="localhost:1"), created_ms=1)
        )
        await SqlEnvStore(database, KEY, BrokenRows()).write(name, EnvLayer.SET, values, 1)
    return database


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_neither_values_nor_names_are_readable_in_any_file(tmp_path: Path) -> None:
    database = await filled(tmp_path / "deployd.db")
    while_open = content_of(tmp_path)
    await database.close()
    for content in (while_open, content_of(tmp_path)):
        assert b"env_versions" in content
        assert b"correct-horse" not in content
        assert b"API_KEY" not in content


@pytest.mark.parametrize(
    "moved",
    [
        "UPDATE env_versions SET sealed = (SELECT sealed FROM env_versions WHERE app = 'blog') WHERE app = 'shop'",
        "UPDATE env_versions SET version = 2 WHERE app = 'shop'",
    ],
    ids=["to another app", "to another version"],
)
async def test_a_ciphertext_does_not_open_where_it_was_not_made(tmp_path: Path, moved: str) -> None:
    database = await filled(tmp_path / "deployd.db")
    await database.transact(Statement(moved))
    with pytest.raises(BrokenRow, match="of app shop does not open"):
        await SqlEnvStore(database, KEY, BrokenRows()).read(SHOP)
    await database.close()


async def test_another_master_key_opens_nothing_and_overwrites_nothing(tmp_path: Path) -> None:
    database = await filled(tmp_path / "deployd.db")
    stranger = SqlEnvStore(database, MasterKey(bytes(32)), BrokenRows())
    with pytest.raises(BrokenRow):
        await stranger.write(SHOP, EnvLayer.SET, {}, 2)
    assert (await SqlEnvStore(database, KEY, BrokenRows()).read(SHOP)).plain() == {"API_KEY": "correct-horse-battery"}
    await database.close()
