"""Keeps instances in SQL."""

import msgspec

from deployd.domain.errors import NotFound
from deployd.domain.ids import AppName, InstanceId
from deployd.domain.instance import Instance
from deployd.stores.database import Database, Statement
from deployd.stores.rows import from_row
from sql.loader import queries

_SQL = queries("instances")


class SqlInstanceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, instance: Instance) -> None:
        """StateConflict when its app was removed meanwhile."""
        await self._database.transact(Statement(_SQL["put"], msgspec.structs.astuple(instance)))

    async def get(self, instance: InstanceId) -> Instance:
        row = await self._database.fetch_one(_SQL["get"], instance)
        if row is None:
            raise NotFound(f"There is no instance {instance!r}.")
        return from_row(Instance, row)

    async def of_app(self, app: AppName) -> list[Instance]:
        return [from_row(Instance, row) for row in await self._database.fetch(_SQL["of_app"], app)]

    async def all(self) -> list[Instance]:
        return [from_row(Instance, row) for row in await self._database.fetch(_SQL["all"])]

    async def remove(self, instance: InstanceId) -> None:
        await self._database.transact(Statement(_SQL["remove"], (instance,)))
