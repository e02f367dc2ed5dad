"""Keeps packed projects under the hash of their content."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol


class ArtifactStore(Protocol):
    async def pack(self, folder: Path, apart: Collection[str] = (), memory: str = "") -> str:
        """Packs the folder (sorted, without times and owners) and keeps it; a SHA-256 in hex.

        The folders in `apart` (relative to `folder`; one that is not there does not matter) are kept each on its own,
        so that artifacts share those that are the same. `memory` is the name, usually the app's, under which the store
        remembers how they looked: those that still look the same are not packed again. Cancelling ends the work.
        """
        ...

    async def unpack(self, digest: str, folder: Path) -> None:
        """Makes `folder` whole or not at all. Refuses an artifact whose content does not match its digest."""
        ...

    async def keep_only(self, digests: set[str]) -> int:
        """Deletes every other artifact, except that one packed since the last time is spared once; bytes set free."""
        ...
