"""Says that a tool cannot be had: what was asked for, what this host has, and what to do."""

from collections.abc import Sequence

from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed

_SHOWN = 80


def asked(tool: Tool, name: str = "") -> str:
    return f"{name or tool.name} {tool.wanted.strip()[:_SHOWN]}".rstrip()


def host_has(versions: Sequence[str]) -> str:
    """`this host has 3.11.2 and 3.12.1`"""
    if not versions:
        return "this host has none"
    *others, last = versions
    return f"this host has {', '.join(others)} and {last}" if others else f"this host has {last}"


def unreadable(tool: Tool, example: str) -> BuildFailed:
    return BuildFailed(
        f"This project asks for {tool.name} {tool.wanted[:_SHOWN]!r}, which is no version or range of versions: "
        f"write one like {example}."
    )


def none_fits(tool: Tool, here: str | None) -> BuildFailed:
    return BuildFailed(
        f"This project needs {asked(tool)}, and the npm registry has none that fits; "
        f"{host_has([here] if here else [])}: change the version that the project asks for."
    )
