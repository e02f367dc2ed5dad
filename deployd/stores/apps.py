"""Keeps apps in SQL, the login to the repository sealed under the master key."""

import msgspec

from deployd.domain.app import App
from deployd.domain.errors import BrokenRow, NotFound
from deployd.domain.event import Event
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.domain.suggestion import did_you_mean
from deployd.stores.broken_rows import BrokenRows, way_out
from deployd.stores.database import Database, Row, Statement
from deployd.stores.events import SqlEventLog
from deployd.stores.master_key import MasterKey
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("apps")


class SqlAppStore:
    def __init__(self, database: Database, key: MasterKey, events: SqlEventLog, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database
        self._events = events
        self._key = key

    async def put(self, app: App, event: Event | None = None) -> None:
        login = None if app.login is None else seal_login(self._key, app.name, app.settings.repo, app.login)
        row = (app.name, to_json(app.settings), app.created_ms, int(app.stopped), app.maintenance, login)
        await self._events.write(event, Statement(_SQL["put"], row))

    async def get(self, name: str) -> App:
        app = await self.find(name)
        if app is None:
            known = [str(one["name"]) for one in await self._database.fetch(_SQL["names"])]
            raise NotFound(f"There is no app named {name!r}.{did_you_mean(name, known)}")
        return app

    async def find(self, name: str) -> App | None:
        row = await self._database.fetch_one(_SQL["get"], name)
        return None if row is None else self._read(row)

    async def all(self) -> list[App]:
        return (await self.listed())[0]

    async def listed(self) -> tuple[list[App], dict[str, str]]:
        rows = await self._database.fetch(_SQL["all"])
        apps, broken = await self._broken.sorted_out("The app", rows, _name, _name, self._app)
        return apps, {name: f"{why}{way_out(name)}" for name, why in broken.items()}

    async def remove(self, name: AppName) -> None:
        await self._database.transact(Statement(_SQL["remove"], (name,)))
        self._broken.forget(name)

    def _read(self, row: Row) -> App:
        name = _name(row)
        try:
            return self._broken.read("The app", name, name, lambda: self._app(row))
        except BrokenRow as error:
            raise BrokenRow(f"{error}{way_out(name)}") from error

    def _app(self, row: Row) -> App:
        app = from_row(App, {**row, "stopped": bool(row["stopped"]), "login": None}, "settings")
        if row["login"] is None:
            return app
        login = self._key.open(row["login"], _place(app.name, app.settings.repo)).decode()
        return msgspec.structs.replace(app, login=Secret(login))


def _name(row: Row) -> str:
    return str(row["name"])


def seal_login(key: MasterKey, app: str, repo: str | None, login: Secret) -> bytes:
    return key.seal(login.reveal().encode(), _place(app, repo))


def _place(app: str, repo: str | None) -> str:
    """With the repository: a row that was changed to another does not take the login along."""
    return f"the login of app {app} to {repo}"
