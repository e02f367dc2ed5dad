"""Provides npm, pnpm, yarn, bun and deno: the host's own where it fits, else from the npm registry."""

import asyncio
from pathlib import Path

import msgspec

from deployd.builders.toolchains import npm_range
from deployd.builders.toolchains.host import using
from deployd.builders.toolchains.machine import architecture
from deployd.builders.toolchains.node import runs
from deployd.builders.toolchains.npm_tools import Installation, NpmTools, OnLine
from deployd.builders.toolchains.refusals import none_fits, unreadable
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed
from deployd.domain.known_tools import NEEDS_NODE, NODE_PROGRAM, PACKAGES, YARN_BERRY, HostProgram, Package

_ANY_BUT_STUBS = ">=1"
"""Some hosts have a program of another make under the same name, as Debian's yarn 0.32."""

_CLASSIC = "1.999.999"


async def provide_packaged(tools: NpmTools, tool: Tool, node: Tool | None, on_line: OnLine) -> Tool:
    """`node` as it has been provided, None when the plan has none."""
    package, wanted = package_of(tool), tool.wanted.strip()
    if not npm_range.is_range(wanted):
        raise unreadable(tool, f"`{package.preferred.removeprefix('^')}` or an exact one")
    beside = (tools.shelf.folder / node.place,) if node is not None and node.place else ()
    here = await tools.host.version(HostProgram(program=tool.name, package=tool.name), beside)
    if here is not None and npm_range.fits(here, wanted or _ANY_BUT_STUBS):
        return await _as_it_is(tools, tool, here, node, on_line)
    runs_on = node.version if node is not None else await tools.host.version(NODE_PROGRAM)
    name = package.name.format(arch=await asyncio.to_thread(architecture, tool.name))
    version = npm_range.exact(wanted)
    if version is None:
        versions = await tools.versions(tool, name, here, on_line)
        wanted = wanted or package.preferred
        running = [one for one in versions if runs(tool.name, one, runs_on)]
        version = npm_range.newest(wanted, running) or npm_range.newest(wanted, versions)
    if version is None:
        raise none_fits(tool, here)
    _check_node(tool.name, version, runs_on)
    return await tools.install(tool, _installation(tool, version, name, package, beside), on_line)


def package_of(tool: Tool) -> Package:
    """Yarn is another package from 2 on."""
    wanted = tool.wanted.strip()
    if tool.name != "yarn" or not wanted:
        return PACKAGES[tool.name]
    exact = npm_range.exact(wanted)
    classic = npm_range.major(exact) < 2 if exact else npm_range.fits(_CLASSIC, wanted)
    return PACKAGES["yarn"] if classic else YARN_BERRY


async def _as_it_is(tools: NpmTools, tool: Tool, version: str, node: Tool | None, on_line: OnLine) -> Tool:
    """The host's, or for npm the one that came along with an installed Node."""
    if node is not None and node.place:
        found = await asyncio.to_thread(tools.host.find, tool.name, (tools.shelf.folder / node.place,))
        if found is not None and found.is_relative_to(tools.shelf.folder):
            on_line(f"Using the {tool.name} {version} that belongs to node {node.version}.")
            return msgspec.structs.replace(tool, version=version, place=node.place)
    on_line(using(tool.name, version, tool.wanted))
    return msgspec.structs.replace(tool, version=version)


def _check_node(name: str, version: str, node: str | None) -> None:
    if not runs(name, version, node):
        needed = NEEDS_NODE[name][npm_range.major(version)]
        raise BuildFailed(
            f"{name} {version} needs node {needed} or newer, and this build has {node}: "
            f'set `engines.node` in package.json to ">={needed}".'
        )


def _installation(tool: Tool, version: str, name: str, package: Package, beside: tuple[Path, ...]) -> Installation:
    what = Installation(
        version=version,
        packages=(f"{name}@{version}",),
        check=f"bin/{tool.name} --version",
        programs=beside,
        scripts=package.scripts,
    )
    if not package.programs:
        return what
    links = [f"ln -s ../node_modules/{name}/{file} bin/{program}" for program, file in package.programs.items()]
    return msgspec.structs.replace(what, link=" && ".join(["mkdir bin", *links]))
