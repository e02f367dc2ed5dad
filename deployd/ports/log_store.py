"""Where log lines are kept."""

from typing import Protocol

from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, Portion, Stored


class LogStore(Protocol):
    async def append(self, *portions: Portion) -> list[Stored]:
        """Gives each line its app's next sequence number; durable, in one transaction with the positions, on return.

        A portion whose position does not start at the stored one is refused: a reader that does not know what became
        of its last portion sends it again, and no line is stored twice. Its answer says where to go on.
        Cancelling does not undo it: CancelledError comes only after the commit was carried through or failed.
        """
        ...

    async def read(
        self,
        app: AppName | None,
        *,
        after: int | None = None,
        after_app: AppName | None = None,
        before: int | None = None,
        level: Level = Level.DEBUG,
        deployment: str | None = None,
        limit: int = 500,
    ) -> list[LogLine]:
        """Oldest first. With `after`: the first `limit` lines beyond that sequence number; otherwise the last `limit`.

        `before` needs `app`. Without `app`, `after` is a number of `after_app`, and lines that any app stored later
        follow in the order they came. `level` is the lowest one given.
        """
        ...

    async def position(self, file: str) -> int:
        """How many bytes of an instance's file are stored; 0 when unknown."""
        ...

    async def forget_position(self, file: str) -> None: ...

    async def remove(self, app: AppName) -> None: ...

    async def trim(self, *, older_than_ms: int, keep_bytes: int) -> int:
        """Deletes lines before that time, then the oldest of each app over `keep_bytes` of text; how many went."""
        ...
