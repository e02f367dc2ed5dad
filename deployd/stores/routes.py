"""Keeps routes in SQL."""

import msgspec

from deployd.domain.errors import BrokenRow
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.stores.broken_rows import BrokenRows, way_out
from deployd.stores.database import Database, Row, Statement
from deployd.stores.rows import to_json
from sql.loader import queries

_SQL = queries("routes")
_ROUTES = msgspec.json.Decoder(Route)


class SqlRouteStore:
    def __init__(self, database: Database, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database

    async def put(self, route: Route) -> None:
        """StateConflict when its app was removed meanwhile."""
        await self._database.transact(Statement(_SQL["put"], (route.app, to_json(route))))

    async def get(self, app: AppName) -> Route | None:
        row = await self._database.fetch_one(_SQL["get"], app)
        try:
            return None if row is None else self._broken.read("The route of", app, app, lambda: _route(row))
        except BrokenRow as error:
            raise BrokenRow(f"{error}{way_out(app)}") from error

    async def all(self) -> list[Route]:
        return (await self.listed())[0]

    async def listed(self) -> tuple[list[Route], dict[str, str]]:
        rows = await self._database.fetch(_SQL["all"])
        routes, broken = await self._broken.sorted_out("The route of", rows, _app, _app, _route)
        return routes, {app: f"{why}{way_out(app)}" for app, why in broken.items()}

    async def remove(self, app: AppName) -> None:
        await self._database.transact(Statement(_SQL["remove"], (app,)))


def _app(row: Row) -> str:
    return str(row["app"])


def _route(row: Row) -> Route:
    return _ROUTES.decode(row["route"])
