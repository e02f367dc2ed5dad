"""Rows that cannot be read: each is told of, and none keeps the others from being read."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from deployd.domain.errors import BrokenRow, StoreUnusable
from deployd.stores.database import Row

Kind = TypeVar("Kind")
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, KeyError, StoreUnusable)
_SHOWN = 100


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

    def readable(
        self,
        what: str,
        rows: Iterable[Row],
        key_of: Callable[[Row], str],
        app_of: Callable[[Row], str],
        make: Callable[[Row], Kind],
    ) -> list[Kind]:
        made = []
        for row in rows:
            try:
                made.append(self.read(what, key_of(row), app_of(row), lambda row=row: make(row)))  # type: ignore[misc]
            except BrokenRow:
                continue  # It is told of.
        return made

    def forget(self, app: str) -> None:
        self._found = {place: found for place, found in self._found.items() if found[0] != app}


def _reason(error: Exception) -> str:
    """Never the value: a row may hold what is not to be shown."""
    if isinstance(error, StoreUnusable):
        return str(error)
    if isinstance(error, msgspec.ValidationError):
        return "it holds a word that is not known." if "enum" in str(error) else f"{str(error).partition(' - at ')[0]}."
    return "it is damaged."
