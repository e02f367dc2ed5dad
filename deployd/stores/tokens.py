"""Keeps API tokens in SQL, as hashes only."""

import hashlib
import secrets

from deployd.domain.errors import NotFound, UserMistake
from deployd.ports.token_store import ApiToken
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Statement
from deployd.stores.rows import from_row
from sql.loader import queries

_SQL = queries("tokens")
_PREFIX = "deployd_"
_RANDOM_BYTES = 32  # Far beyond guessing, so a plain SHA-256 without salt or stretching is enough.
_USE_NOTED_EVERY_MS = 60_000


class SqlTokenStore:
    def __init__(self, database: Database, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database

    async def create(self, name: str, now_ms: int) -> str:
        text = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        (added,) = await self._database.transact(Statement(_SQL["add"], (name, _hash(text), now_ms)))
        if not added:
            raise UserMistake(f"There is an API token named {name!r} already; choose another name or revoke it first.")
        return text

    async def verify(self, text: str, now_ms: int) -> str | None:
        row = await self._database.fetch_one(_SQL["by_hash"], _hash(text))
        if row is None:
            return None
        if row["used_ms"] is None or now_ms - row["used_ms"] >= _USE_NOTED_EVERY_MS:
            await self._database.transact(Statement(_SQL["note_use"], (_hash(text), now_ms)))
        return str(row["name"])

    async def all(self) -> list[ApiToken]:
        rows = await self._database.fetch(_SQL["all"])
        return await self._broken.readable(
            "The API token", rows, lambda row: str(row["name"]), lambda _: "", lambda row: from_row(ApiToken, row)
        )

    async def revoke(self, name: str) -> None:
        (revoked,) = await self._database.transact(Statement(_SQL["revoke"], (name,)))
        if not revoked:
            raise NotFound(f"There is no API token named {name!r}.")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
