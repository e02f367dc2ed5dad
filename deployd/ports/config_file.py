"""The deployd.toml that a person edits while deployd runs."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from deployd.config import Config


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """What the file's content was, and what it is now."""

    before: bytes
    after: bytes


class ConfigFile(Protocol):
    async def load(self) -> Config:
        """Raises UserMistake naming the file, the line, the key and what was expected."""
        ...

    def edits(self) -> AsyncIterator[None]:
        """Once for each burst of changes to the file, until closed."""
        ...

    async def change_app(self, app: str, changes: Mapping[str, object]) -> Rewritten:
        """Applies a merge patch (RFC 7396) to the app's table; all else stays as it is, comments and order too.

        UserMistake when the file would not be usable then; StateConflict, naming the lines to change by hand, when it
        cannot be written or was changed by somebody else meanwhile. Nothing is written then.
        """
        ...

    async def remove_app(self, app: str) -> Rewritten:
        """Takes the app's tables out, with the comments that belong to them. Raises as `change_app`."""
        ...

    async def undo(self, rewritten: Rewritten) -> None:
        """Puts back what was there before, unless somebody has changed the file since."""
        ...
