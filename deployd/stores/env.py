"""Keeps env in SQL, each version sealed as a whole under the master key."""

from collections.abc import Mapping

import msgspec

from deployd.domain.env import Environment, EnvLayer, EnvValue
from deployd.domain.errors import NotFound, StateConflict
from deployd.domain.ids import AppName
from deployd.domain.secret import Secret
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement
from deployd.stores.master_key import MasterKey
from sql.loader import queries

_SQL = queries("env")
_TRIES = 16

Layers = dict[EnvLayer, dict[str, EnvValue]]


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What the ciphertext holds for one variable."""

    value: str
    secret: bool


class SqlEnvStore:
    def __init__(self, database: Database, key: MasterKey, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database
        self._key = key

    async def read(self, app: AppName, version: int | None = None) -> Environment:
        """NotFound for a version that was never made."""
        if version == 0:
            return Environment(version=0, values={})
        if version is None:
            number, layers = await self._newest(app)
        else:
            number, layers = self._open(app, await self._row(app, version))
        return _merged(number, layers)

    async def write(self, app: AppName, layer: EnvLayer, values: Mapping[str, EnvValue], now_ms: int) -> Environment:
        """StateConflict when other writers were faster again and again, or the app was removed meanwhile."""
        for _ in range(_TRIES):
            version, layers = await self._newest(app)
            if layers.get(layer, {}) == values:
                return _merged(version, layers)
            changed = {**layers, layer: dict(values)}
            if await self._add(app, version + 1, changed, now_ms):
                return _merged(version + 1, changed)
        raise StateConflict(f"The env of {app!r} is being changed by others; try again.")

    async def trim(self, app: AppName, keep: int) -> None:
        await self._database.transact(Statement(_SQL["trim"], (app, keep)))

    async def layer(self, app: AppName, layer: EnvLayer) -> dict[str, EnvValue]:
        _, layers = await self._newest(app)
        return layers.get(layer, {})

    async def _newest(self, app: AppName) -> tuple[int, Layers]:
        row = await self._database.fetch_one(_SQL["newest"], app)
        return (0, {}) if row is None else self._open(app, row)

    async def _row(self, app: AppName, version: int) -> Row:
        row = await self._database.fetch_one(_SQL["get"], app, version)
        if row is None:
            raise NotFound(f"App {app!r} has no env version {version}.")
        return row

    async def _add(self, app: AppName, version: int, layers: Layers, now_ms: int) -> bool:
        """False when another writer made that version first."""
        sealed = self._key.seal(_encoded(layers), _place(app, version))
        (added,) = await self._database.transact(Statement(_SQL["add"], (app, version, now_ms, sealed)))
        return bool(added)

    def _open(self, app: AppName, row: Row) -> tuple[int, Layers]:
        version = int(row["version"])
        place = _place(app, version)
        layers = self._broken.read("The", place, app, lambda: _decoded(self._key.open(row["sealed"], place)))
        return version, layers


def _place(app: AppName, version: int) -> str:
    return f"env version {version} of app {app}"


def _encoded(layers: Layers) -> bytes:
    plain = {
        layer: {key: _Sealed(value=entry.value.reveal(), secret=entry.secret) for key, entry in values.items()}
        for layer, values in layers.items()
    }
    return msgspec.json.encode(plain)


def _decoded(plain: bytes) -> Layers:
    layers = msgspec.json.decode(plain, type=dict[EnvLayer, dict[str, _Sealed]])
    return {
        layer: {key: EnvValue(value=Secret(entry.value), secret=entry.secret) for key, entry in values.items()}
        for layer, values in layers.items()
    }


def _merged(version: int, layers: Layers) -> Environment:
    return Environment(version=version, values={**layers.get(EnvLayer.FILE, {}), **layers.get(EnvLayer.SET, {})})
