"""Tools that are on this host already, and no others."""

from collections.abc import Callable, Sequence
from pathlib import Path

from deployd.domain.build import Tool


class HostTools:
    async def provide(self, tools: Sequence[Tool], on_line: Callable[[str], None]) -> tuple[Tool, ...]:
        return tuple(tools)

    def programs(self, tools: Sequence[Tool]) -> tuple[Path, ...]:
        return ()

    async def keep_only(self, tools: Sequence[Tool]) -> int:
        return 0
