"""Rows that cannot be read: each is told of, and none keeps the others from being read."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from deployd.domain.errors import BrokenRow, StoreUnusable
from deployd.kernel.many import by_turns
from deployd.stores.database import Row

Kind = TypeVar("Kind")
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, KeyError, StoreUnusable)
_SHOWN = 100


def way_out(app: str) -> str:
    """Ends the sentence about an app that cannot be used as it is."""
    return f" Remove it with: deployd remove {app}"


class BrokenRows:
    """What was found so far, as sentences; one that can be read again, or whose app is gone, is forgotten."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, str]] = {}

    def sentences(self) -> list[str]:
        return [sentence for _, sentence in self._found.values()][:_SHOWN]

    def read(self, what: str, key: str, app: str, make: Callable[[], Kind]) -> Kind:
        """`what` names the kind of row, as in \"The release\". Raises BrokenRow."""
        try:
            made = make()
        except _UNREADABLE as error:
            sentence = f"{what} {key} cannot be read from the database: {_reason(error)}"
            self._found[what, key] = (app, sentence)
            raise BrokenRow(sentence) from error
        self._found.pop((what, key), None)
        return made

    async def readable(
        self,
        what: str,
        rows: Iterable[Row],
        key_of: Callable[[Row], str],
        app_of: Callable[[Row], str],
        make: Callable[[Row], Kind],
    ) -> list[Kind]:
        made, _ = await self.sorted_out(what, rows, key_of, app_of, make)
        return made  # The others are told of.

    async def sorted_out(
        self,
        what: str,
        rows: Iterable[Row],
        key_of: Callable[[Row], str],
        app_of: Callable[[Row], str],
        make: Callable[[Row], Kind],
    ) -> tuple[list[Kind], dict[str, str]]:
        """Those that can be read, and by their keys the sentences for the others; nobody waits for it long."""
        made: list[Kind] = []
        broken: dict[str, str] = {}
        async for row in by_turns(rows):
            try:
                made.append(self.read(what, key_of(row), app_of(row), lambda row=row: make(row)))  # type: ignore[misc]
            except BrokenRow as error:
                broken[key_of(row)] = str(error)
        return made, broken

    def forget(self, app: str) -> None:
        self._found = {place: found for place, found in self._found.items() if found[0] != app}


def _reason(error: Exception) -> str:
    """Never the value: a row may hold what is not to be shown."""
    if isinstance(error, StoreUnusable):
        return str(error)
    if isinstance(error, msgspec.ValidationError):
        return "it holds a word that is not known." if "enum" in str(error) else f"{str(error).partition(' - at ')[0]}."
    return "it is damaged."
