"""Keeps instances in SQL."""

import msgspec

from deployd.domain.errors import NotFound
from deployd.domain.ids import AppName, InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement
from deployd.stores.rows import from_row
from sql.loader import queries

_SQL = queries("instances")


class SqlInstanceStore:
    def __init__(self, database: Database, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database

    async def put(self, instance: Instance) -> None:
        """StateConflict when its app was removed meanwhile."""
        await self._database.transact(Statement(_SQL["put"], msgspec.structs.astuple(instance)))

    async def get(self, instance: InstanceId) -> Instance:
        row = await self._database.fetch_one(_SQL["get"], instance)
        if row is None:
            raise NotFound(f"There is no instance {instance!r}.")
        return self._broken.read("The instance", row["id"], row["app"], lambda: from_row(Instance, row))

    async def of_app(self, app: AppName) -> list[Instance]:
        return await self._readable(await self._database.fetch(_SQL["of_app"], app))

    async def broken(self, app: AppName) -> list[Instance]:
        rows = await self._database.fetch(_SQL["of_app"], app)
        readable = {instance.id for instance in await self._readable(rows)}
        return [_made_out(row) for row in rows if row["id"] not in readable]

    async def all(self) -> list[Instance]:
        return await self._readable(await self._database.fetch(_SQL["all"]))

    async def _readable(self, rows: list[Row]) -> list[Instance]:
        return await self._broken.readable(
            "The instance", rows, lambda row: row["id"], lambda row: row["app"], lambda row: from_row(Instance, row)
        )

    async def remove(self, instance: InstanceId) -> None:
        await self._database.transact(Statement(_SQL["remove"], (instance,)))


def _made_out(row: Row) -> Instance:
    """Its id alone finds its processes; of the rest what has the right type is kept."""
    number = {name: row[name] for name in ("release", "pid", "pid_started") if isinstance(row[name], int)}
    fields = {"release": 0, "created_ms": 0, **number, "state": InstanceState.STOPPING}
    return Instance(id=row["id"], app=row["app"], deployment=row["deployment"], process=str(row["process"]), **fields)
