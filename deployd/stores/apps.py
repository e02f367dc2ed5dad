"""Keeps apps in SQL, the login to the repository sealed under the master key."""

import msgspec

from deployd.domain.app import App
from deployd.domain.errors import BrokenRow, NotFound
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.domain.suggestion import did_you_mean
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement
from deployd.stores.master_key import MasterKey
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("apps")


class SqlAppStore:
    def __init__(self, database: Database, key: MasterKey, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database
        self._key = key

    async def put(self, app: App) -> None:
        login = None if app.login is None else seal_login(self._key, app.name, app.settings.repo, app.login)
        row = (app.name, to_json(app.settings), app.created_ms, int(app.stopped), app.maintenance, login)
        await self._database.transact(Statement(_SQL["put"], row))

    async def get(self, name: str) -> App:
        row = await self._database.fetch_one(_SQL["get"], name)
        if row is None:
            known = [str(one["name"]) for one in await self._database.fetch(_SQL["names"])]
            raise NotFound(f"There is no app named {name!r}.{did_you_mean(name, known)}")
        return self._read(row)

    async def all(self) -> list[App]:
        return (await self.listed())[0]

    async def listed(self) -> tuple[list[App], dict[str, str]]:
        apps: list[App] = []
        broken: dict[str, str] = {}
        for row in await self._database.fetch(_SQL["all"]):
            try:
                apps.append(self._read(row))
            except BrokenRow as error:
                broken[row["name"]] = str(error)
        return apps, broken

    async def remove(self, name: AppName) -> None:
        await self._database.transact(Statement(_SQL["remove"], (name,)))
        self._broken.forget(name)

    def _read(self, row: Row) -> App:
        name = str(row["name"])
        try:
            return self._broken.read("The app", name, name, lambda: self._app(row))
        except BrokenRow as error:
            raise BrokenRow(f"{error} Remove it with: deployd remove {name}") from error

    def _app(self, row: Row) -> App:
        app = from_row(App, {**row, "stopped": bool(row["stopped"]), "login": None}, "settings")
        if row["login"] is None:
            return app
        login = self._key.open(row["login"], _place(app.name, app.settings.repo)).decode()
        return msgspec.structs.replace(app, login=Secret(login))


def seal_login(key: MasterKey, app: str, repo: str | None, login: Secret) -> bytes:
    return key.seal(login.reveal().encode(), _place(app, repo))


def _place(app: str, repo: str | None) -> str:
    """With the repository: a row that was changed to another does not take the login along."""
    return f"the login of app {app} to {repo}"
