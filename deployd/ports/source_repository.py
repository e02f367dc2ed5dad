"""Where an app's code comes from."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from deployd.domain.ids import AppName


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    sha: str
    message: str


class SourceRepository(Protocol):
    async def fetch(self, app: AppName, repo: str, ref: str | None, on_line: Callable[[str], None]) -> Commit:
        """Brings `ref` (branch, tag or commit; None = the remote's HEAD) into the app's mirror.

        BuildFailed with one clear sentence: no such repository, no such ref, credentials missing, no answer in time.
        """
        ...

    async def checkout(self, app: AppName, commit: Commit, folder: Path) -> None:
        """Writes the commit's files into the empty `folder`, without .git."""
        ...

    async def forget(self, app: AppName) -> None:
        """Deletes the mirror."""
        ...
