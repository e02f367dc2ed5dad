"""One setting that cannot work: the sentence, and the way to it from the table that was checked."""

from collections.abc import Iterable

from deployd.domain.errors import UserMistake

Key = tuple[str | int, ...]
"""Names of tables and keys, and positions in lists."""

ANY = "*"
"""Stands where the user chose the name, as in `apps.*.repo`."""


class WrongSetting(UserMistake):
    """`named`: it is the name of the key that is wrong, whatever its value."""

    def __init__(self, key: Key, text: str, *, named: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.named = named

    def said_of(self, subject: str) -> "WrongSetting":
        """The same sentence, beginning with whose setting it is."""
        return WrongSetting(self.key, f"{subject}: {self}", named=self.named)

    def below(self, *tables: str) -> "WrongSetting":
        """The same, seen from a table further up."""
        return WrongSetting((*tables, *self.key), str(self), named=self.named)


def raise_first(wrong: Iterable[WrongSetting]) -> None:
    for each in wrong:
        raise each
