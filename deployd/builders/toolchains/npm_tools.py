"""What all tools of the npm registry have in common: finding out which versions there are, and installing one."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from deployd.builders.toolchains.host import Host
from deployd.builders.toolchains.npm import NoSuchVersion, Npm
from deployd.builders.toolchains.refusals import asked, host_has
from deployd.builders.toolchains.registry import Registry
from deployd.builders.toolchains.shelf import Scratch, Shelf
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed, ProviderUnavailable
from deployd.domain.known_tools import NODE_PROGRAM

OnLine = Callable[[str], None]


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """`packages` are installed, `link` makes the folder bin of them, `check` must then run, with `programs` in PATH."""

    version: str
    packages: tuple[str, ...]
    check: str
    link: str = "ln -s node_modules/.bin bin"
    programs: tuple[Path, ...] = ()
    scripts: bool = False


class NpmTools:
    def __init__(self, shelf: Shelf, npm: Npm, registry: Registry, host: Host) -> None:
        self.shelf = shelf
        self.host = host
        self._npm = npm
        self._registry = registry

    async def versions(self, tool: Tool, package: str, here: str | None, on_line: OnLine) -> Sequence[str]:
        """All there are; those installed already when the registry never gave an answer."""
        try:
            return await self._registry.versions(package, on_line)
        except ProviderUnavailable as silence:
            installed = await asyncio.to_thread(self.shelf.versions, tool.name)
            if not installed:
                has = host_has([here] if here else [])
                raise BuildFailed(f"This project needs {asked(tool)}, and {has}. {silence}") from silence
            on_line(f"warning: going by the versions installed earlier. {silence}")
            return installed

    async def client_node(self) -> tuple[str, str] | None:
        """Version and place of the node that npm runs on where the host has no npm: it is there in any case."""
        place = await self._npm.client()
        if place is None:
            return None
        version = await self.host.version(NODE_PROGRAM, (self.shelf.folder / place,))
        return None if version is None else (version, place)

    async def install(self, tool: Tool, what: Installation, on_line: OnLine) -> Tool:
        """Unless it is there."""
        name = f"{tool.name} {what.version}"
        installed = False

        async def fill(scratch: Scratch) -> None:
            nonlocal installed
            on_line(f"Installing {name}.")
            await self._fill(scratch, what, name)
            installed = True

        place = await self.shelf.put(tool.name, what.version, fill)
        if not installed:
            on_line(f"Using {name}" + (f", which fits {tool.wanted}." if tool.wanted.strip() else "."))
        return msgspec.structs.replace(tool, version=what.version, place=place)

    async def _fill(self, scratch: Scratch, what: Installation, name: str) -> None:
        try:
            await self._npm.install(what.packages, scratch, scripts=what.scripts)
        except NoSuchVersion as none:
            raise BuildFailed(f"There is no {name} in the npm registry: change the version asked for.") from none
        await self._npm.run(what.link, scratch)
        try:
            await self._npm.run(f"PATH=$PWD/bin:$PATH; {what.check}", scratch, what.programs)
        except BuildFailed as failure:
            raise BuildFailed(f"{name} was downloaded but does not run on this host: {failure}") from failure
