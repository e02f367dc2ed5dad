"""Keeps packed projects under the hash of their content."""

from pathlib import Path
from typing import Protocol


class ArtifactStore(Protocol):
    async def pack(self, folder: Path) -> str:
        """Packs the folder (sorted, without times and owners) and keeps it; the SHA-256 in hex."""
        ...

    async def unpack(self, digest: str, folder: Path) -> None:
        """Makes `folder` whole or not at all. Refuses an artifact whose content does not match its digest."""
        ...

    async def keep_only(self, digests: set[str]) -> int:
        """Deletes every other artifact; bytes set free."""
        ...
