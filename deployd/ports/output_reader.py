"""Follows the files that instances write, from where the stored lines end."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

Chunk = Callable[[tuple[str, ...], int], Awaitable[None]]
"""Takes whole lines (decoded, without line ends) and the byte offset after them; returns when they are durable."""


class OutputReader(Protocol):
    async def follow(self, file: Path, offset: int, deliver: Chunk) -> None:
        """Delivers every line from `offset` on until cancelled, and lets go of the disk blocks that were delivered."""
        ...

    async def finish(self, file: Path, offset: int, deliver: Chunk) -> int:
        """Delivers what is left in the file of an ended instance, an unfinished last line included; the last offset."""
        ...
