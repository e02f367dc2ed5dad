"""What the stores need from an SQL engine: reads, and transactions made of guarded statements."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

Value = str | int | bytes | None
Row = Mapping[str, Any]


class Statement(msgspec.Struct, frozen=True):
    """One statement of a transaction, with $1 parameters.

    With `refusal` it is a compare-and-set: unless it RETURNs a row, the whole transaction is undone
    and StateConflict says `refusal`.
    """

    sql: str
    args: tuple[Value, ...] = ()
    refusal: str | None = None


class Database(Protocol):
    """Errors: StateConflict, ProviderUnavailable (busy, full, unreachable: try again), StoreUnusable (damaged)."""

    async def fetch(self, sql: str, *args: Value) -> list[Row]: ...

    async def fetch_one(self, sql: str, *args: Value) -> Row | None: ...

    async def transact(self, *statements: Statement) -> list[list[Row]]:
        """Runs all or none, durable on return; the rows that each statement RETURNed. Cancelled: either may be true."""
        ...

    async def close(self) -> None: ...
