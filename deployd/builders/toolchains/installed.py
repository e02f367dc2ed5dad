"""Programs of the versions that projects ask for: the host's own where they fit, else installed once for all builds."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from deployd.builders.toolchains.host import Host
from deployd.builders.toolchains.interpreters import Interpreters
from deployd.builders.toolchains.node import provide_node
from deployd.builders.toolchains.npm import Npm
from deployd.builders.toolchains.npm_tools import NpmTools
from deployd.builders.toolchains.packaged import provide_packaged
from deployd.builders.toolchains.registry import Registry
from deployd.builders.toolchains.shelf import Shelf
from deployd.builders.workshop import Workshop
from deployd.domain.build import Tool
from deployd.domain.known_tools import PACKAGES
from deployd.kernel.clock import Clock, SystemClock

_HOUR = 3600.0


class InstalledToolchains:
    """`folder` is the one that `workshop` shows to builds; `env` the settings by which uv reaches its downloads.

    What a build asked for within `lease_seconds` is not deleted: make that longer than a build may take.
    """

    def __init__(
        self,
        folder: Path,
        workshop: Workshop,
        *,
        env: Mapping[str, str] | None = None,
        host: Host | None = None,
        clock: Clock | None = None,
        lease_seconds: float = _HOUR,
    ) -> None:
        clock, self._host = clock or SystemClock(), host or Host()
        self._shelf = Shelf(folder, clock, lease_seconds)
        npm = Npm(self._shelf, workshop, self._host, env or {})
        self._npm_tools = NpmTools(self._shelf, npm, Registry(folder / ".answers", npm, clock), self._host)
        self._interpreters = Interpreters(self._shelf, self._host.search_path, env or {})

    def open(self) -> None:
        """Makes the folder and clears what an earlier deployd left unfinished in it. Blocks; before the first build."""
        self._shelf.open()
        self._interpreters.open()

    async def provide(self, tools: Sequence[Tool], on_line: Callable[[str], None]) -> tuple[Tool, ...]:
        node: Tool | None = None
        provided: dict[int, Tool] = {}
        for index, tool in sorted(enumerate(tools), key=lambda item: item[1].name != "node"):
            provided[index] = await self._provide(tool, tools, node, on_line)
            node = provided[index] if tool.name == "node" else node
        return tuple(provided[index] for index in range(len(tools)))

    def programs(self, tools: Sequence[Tool]) -> tuple[Path, ...]:
        """Node comes last: it brings an npm along, and a project may have asked for another."""
        ordered = sorted(tools, key=lambda tool: tool.name == "node")
        return tuple(dict.fromkeys(self._shelf.folder / tool.place for tool in ordered if tool.place))

    def env(self, tools: Sequence[Tool]) -> Mapping[str, str]:
        python = next((tool for tool in tools if tool.name == "python" and tool.place), None)
        return {"UV_PYTHON": str(self._interpreters.path(python))} if python else {}

    async def keep_only(self, tools: Sequence[Tool]) -> int:
        freed = await self._shelf.keep_only(tool.place.removesuffix("/bin") for tool in tools if tool.place)
        return freed + await self._interpreters.forget_unused()

    async def _provide(
        self, tool: Tool, tools: Sequence[Tool], node: Tool | None, on_line: Callable[[str], None]
    ) -> Tool:
        if tool.name == "node":
            return await provide_node(self._npm_tools, tool, tools, on_line)
        if tool.name in PACKAGES:
            return await provide_packaged(self._npm_tools, tool, node, on_line)
        if tool.name == "python":
            return await self._interpreters.provide(tool, on_line)
        if tool.name == "uv":  # Every build has the one that came with deployd.
            return msgspec.structs.replace(tool, version=await asyncio.to_thread(version, "uv"))
        provided, sentence = await self._host.provide(tool)
        on_line(sentence)
        return provided
