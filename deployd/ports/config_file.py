"""The deployd.toml that a person edits while deployd runs."""

from collections.abc import AsyncIterator
from typing import Protocol

from deployd.config import Config


class ConfigFile(Protocol):
    async def load(self) -> Config:
        """Raises UserMistake naming the file, the key path and what was expected."""
        ...

    def edits(self) -> AsyncIterator[None]:
        """Once for each burst of changes to the file, until closed."""
        ...
