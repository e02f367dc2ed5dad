"""Provides node: the host's own or that of npm where it fits, else one of the npm registry with its own npm."""

import asyncio
from collections.abc import Sequence

import msgspec

from deployd.builders.toolchains import node_lines, npm_range
from deployd.builders.toolchains.host import using
from deployd.builders.toolchains.machine import architecture
from deployd.builders.toolchains.npm_tools import Installation, NpmTools, OnLine
from deployd.builders.toolchains.refusals import none_fits, unreadable
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed
from deployd.domain.known_tools import NEEDS_NODE, NODE_PROGRAM

_NEWEST_OF = "{}.999.999"


async def provide_node(tools: NpmTools, tool: Tool, others: Sequence[Tool], on_line: OnLine) -> Tool:
    """`others` are the tools of the plan: where the project names no Node, they may need a newer one.

    A host's node without an npm, as Debian's nodejs alone is, does not do: builds call npm.
    """
    if not node_lines.is_known(tool.wanted):
        raise unreadable(tool, "`22` or `>=20 <23`")
    wanted = tool.wanted.strip() or needed_by(others)
    here = await tools.host.version(NODE_PROGRAM)
    fits = here is not None and node_lines.fits_host(here, wanted)
    try:
        client = await tools.client_node()
    except BuildFailed as failure:
        if not fits:
            raise
        client = None  # It may be a build that needs no npm.
        on_line(f"warning: this host has a node and no npm. {failure}")
    if here is not None and fits and client is None:
        on_line(using("node", here, wanted))
        return msgspec.structs.replace(tool, version=here)
    if client is not None and node_lines.fits_host(client[0], wanted):
        on_line(f"Using node {client[0]}" + (f", which fits {wanted}." if wanted else "."))
        return msgspec.structs.replace(tool, version=client[0], place=client[1])
    package = f"node-linux-{await asyncio.to_thread(architecture, 'node')}"
    version = npm_range.exact(wanted)
    if version is None:
        version = node_lines.choose(wanted, await tools.versions(tool, package, here, on_line))
    if version is None:
        raise none_fits(tool, here)
    packages = (f"{package}@{version}", f"npm@{node_lines.npm_of(version)}")
    what = Installation(version=version, packages=packages, check="bin/node --version && bin/npm --version")
    return await tools.install(tool, what, on_line)


def needed_by(tools: Sequence[Tool]) -> str:
    """The range of Node on which the tools run; empty when any maintained one will do."""
    oldest = [needs for tool in tools if (needs := _oldest(tool))]
    newest = npm_range.newest("*", oldest)
    if newest is None or npm_range.major(newest) < node_lines.OLDEST_MAINTAINED:
        return ""
    return f">={newest}"


def runs(tool: str, version: str, node: str | None) -> bool:
    """Whether this version of a tool runs on that Node."""
    oldest = NEEDS_NODE.get(tool, {}).get(npm_range.major(version))
    return oldest is None or node is None or npm_range.fits(node, f">={oldest}")


def _oldest(tool: Tool) -> str | None:
    """The oldest Node on which any version of the tool that fits runs."""
    if not tool.wanted.strip():
        return None
    exact = npm_range.exact(tool.wanted)
    if exact is not None:
        return NEEDS_NODE.get(tool.name, {}).get(npm_range.major(exact))
    needs = NEEDS_NODE.get(tool.name, {})
    fitting = [needs[major] for major in sorted(needs) if npm_range.fits(_NEWEST_OF.format(major), tool.wanted)]
    return fitting[0] if fitting else None
