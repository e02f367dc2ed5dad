"""Keeps releases in SQL."""

import msgspec

from deployd.domain.build import BuildPlan, Tool
from deployd.domain.errors import NotFound
from deployd.domain.ids import AppName
from deployd.domain.release import Release
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("releases")
_NUMBERS = range(1, 2**31)  # beyond what a column holds, a number cannot even be asked for


class SqlReleaseStore:
    def __init__(self, database: Database, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database

    async def add(
        self,
        app: AppName,
        artifact: str,
        commit: str,
        commit_message: str,
        plan: BuildPlan,
        env_version: int,
        now_ms: int,
    ) -> Release:
        """StateConflict when the app was removed meanwhile."""
        row = (app, artifact, commit, commit_message, to_json(plan), env_version, now_ms)
        _, added = await self._database.transact(
            Statement(_SQL["next_number"], (app,), refusal=f"App {app!r} was removed meanwhile."),
            Statement(_SQL["add"], row),
        )
        return from_row(Release, added[0], "plan")

    async def get(self, app: AppName, number: int) -> Release:
        row = await self._database.fetch_one(_SQL["get"], app, number) if number in _NUMBERS else None
        if row is None:
            raise NotFound(f"App {app!r} has no release v{number}: it was never made, or is not kept any more.")
        return self._broken.read("The release", _key(row), app, lambda: _release(row))

    async def of_app(self, app: AppName) -> list[Release]:
        rows = await self._database.fetch(_SQL["of_app"], app)
        return await self._broken.readable("The release", rows, _key, lambda row: row["app"], _release)

    async def remove(self, app: AppName, number: int) -> None:
        await self._database.transact(Statement(_SQL["remove"], (app, number)))

    async def tools(self) -> set[Tool]:
        rows = await self._database.fetch(_SQL["plans"])
        plans = await self._broken.readable("The release", rows, _key, lambda row: row["app"], _plan)
        return {tool for plan in plans for tool in plan.tools}

    async def artifacts(self) -> set[str]:
        return {row["artifact"] for row in await self._database.fetch(_SQL["artifacts"])}


def _key(row: Row) -> str:
    return f"v{row['number']} of {row['app']}"


def _release(row: Row) -> Release:
    return from_row(Release, row, "plan")


def _plan(row: Row) -> BuildPlan:
    return msgspec.json.decode(row["plan"], type=BuildPlan)
