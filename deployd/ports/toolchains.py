"""Programs of the versions that projects ask for: node, pnpm, bun, python…"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deployd.domain.build import Tool


class Toolchains(Protocol):
    async def provide(self, tools: Sequence[Tool], on_line: Callable[[str], None]) -> tuple[Tool, ...]:
        """The same tools, there now and with exact versions: the host's own where it fits, else installed.

        BuildFailed names the tool, what was asked for and what this host has. Nothing half-installed is left.
        """
        ...

    def programs(self, tools: Sequence[Tool]) -> tuple[Path, ...]:
        """The folders to put first in PATH for provided tools; no I/O."""
        ...

    def env(self, tools: Sequence[Tool]) -> Mapping[str, str]:
        """What steps need in their env to find provided tools; touches no more of the disk than a link."""
        ...

    async def keep_only(self, tools: Sequence[Tool]) -> int:
        """Deletes every other installed version that no build is using; bytes set free."""
        ...
