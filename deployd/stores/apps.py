"""Keeps apps in SQL."""

from deployd.domain.app import App
from deployd.domain.errors import NotFound
from deployd.domain.ids import AppName
from deployd.domain.suggestion import did_you_mean
from deployd.stores.database import Database, Row, Statement
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("apps")


class SqlAppStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, app: App) -> None:
        row = (app.name, to_json(app.settings), app.created_ms, int(app.stopped), app.maintenance)
        await self._database.transact(Statement(_SQL["put"], row))

    async def get(self, name: str) -> App:
        row = await self._database.fetch_one(_SQL["get"], name)
        if row is None:
            known = [str(one["name"]) for one in await self._database.fetch(_SQL["names"])]
            raise NotFound(f"There is no app named {name!r}.{did_you_mean(name, known)}")
        return _app(row)

    async def all(self) -> list[App]:
        return [_app(row) for row in await self._database.fetch(_SQL["all"])]

    async def remove(self, name: AppName) -> None:
        await self._database.transact(Statement(_SQL["remove"], (name,)))


def _app(row: Row) -> App:
    return from_row(App, {**row, "stopped": bool(row["stopped"])}, "settings")
