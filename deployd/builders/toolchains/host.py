"""What this host has of its own: where a program is, as builds see the host, and which version it says it is."""

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from deployd.builders import sandbox
from deployd.builders.lines import Lines, Written
from deployd.builders.run import run_step
from deployd.builders.toolchains import npm_range
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed
from deployd.domain.known_tools import HOST_PROGRAMS, HostProgram

_SEEN = ("/usr", "/bin", "/sbin")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_VERSION = (re.compile(r"(?<![\d.])\d+(?:\.\d+){1,3}"), re.compile(r"(?<![\d.])\d+"))
_DEADLINE_SECONDS = 20.0
_MOST_BYTES = 64 << 10


class Host:
    """A program that lies in a home folder is not there: no build could see it, whatever deployd's own PATH says."""

    def __init__(self, search_path: str = sandbox.SEARCH_PATH, seen: Sequence[str] = _SEEN) -> None:
        self.search_path = search_path
        self._seen = tuple(seen)
        self._versions: dict[tuple[object, ...], str | None] = {}

    def find(self, program: str, first: Sequence[Path] = ()) -> Path | None:
        """Looks in the folders `first`, then on the host."""
        for folder in first:
            if os.access(folder / program, os.X_OK):
                return folder / program
        found = shutil.which(program, path=self.search_path)
        return Path(found) if found and self._is_seen(Path(found)) else None

    async def version(self, program: HostProgram, first: Sequence[Path] = ()) -> str | None:
        """None when it is not there, does not run, or does not say. Asked once for each state of the file."""
        path = await asyncio.to_thread(self.find, program.program, first)
        if path is None:
            return None
        stat = await asyncio.to_thread(path.stat)
        key = (path, tuple(first), stat.st_mtime_ns, stat.st_size)
        if key not in self._versions:
            self._versions[key] = await self._ask(path, program, first)
        return self._versions[key]

    async def provide(self, tool: Tool) -> tuple[Tool, str]:
        """The tool as the host has it and a sentence saying so. BuildFailed when it has not."""
        known = HOST_PROGRAMS.get(tool.name)
        if known is None:
            return await self._provide_unknown(tool)
        version = await self.version(known)
        if version is None:
            raise BuildFailed(
                f"This project needs {tool.name} on this host (apt install {known.package}), or the docker runtime."
            )
        if not npm_range.is_range(tool.wanted):
            return _as_is(tool, version), f"Using the host's {tool.name} {version}; {tool.wanted!r} was asked for."
        if npm_range.fits(version, tool.wanted):
            return _as_is(tool, version), using(tool.name, version, tool.wanted)
        if not _near(version, tool.wanted):
            raise BuildFailed(
                f"This project needs {tool.name} {tool.wanted}, and this host has {version}: install that version in "
                "/usr/local, change what the project asks for, or use the docker runtime."
            )
        return _as_is(tool, version), using_nearest(f"the host's {tool.name}", version, tool.wanted)

    async def _provide_unknown(self, tool: Tool) -> tuple[Tool, str]:
        """Nothing of that name is started here: it may be any program of the host, named by a repository."""
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,60}", tool.name):
            raise BuildFailed(f"The project needs a tool called {tool.name[:80]!r}, which is no name of a program.")
        if tool.wanted:
            raise BuildFailed(
                f"This project needs {tool.name} {tool.wanted[:80]}, but deployd cannot tell versions of {tool.name}: "
                "leave the version out."
            )
        if await asyncio.to_thread(self.find, tool.name) is None:
            raise BuildFailed(f"This project needs {tool.name} on this host, or the docker runtime.")
        return tool, f"Using the host's {tool.name}."

    async def _ask(self, path: Path, program: HostProgram, first: Sequence[Path]) -> str | None:
        said: list[str] = []
        env = {"PATH": ":".join([*map(str, first), self.search_path]), "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                lines = Lines(said.append, Written(), _MOST_BYTES)
                code = await run_step([str(path), *program.arguments], env, "/", lines)
        except (TimeoutError, OSError):
            return None
        return parse_version("\n".join(said), program.says) if code == 0 else None

    def _is_seen(self, path: Path) -> bool:
        return any(path.resolve().is_relative_to(folder) for folder in self._seen)


def parse_version(text: str, says: str = "") -> str | None:
    """The first thing that looks like a version, after `says` when that is given; made one of three parts."""
    text = _COLOUR.sub("", text).partition(says)[2] if says else _COLOUR.sub("", text)
    found = next((match for pattern in _VERSION if (match := pattern.search(text))), None)
    if found is None:
        return None
    parts = [str(int(part)) for part in found[0].split(".")]
    return ".".join((*parts, "0", "0")[:3])


def using(name: str, version: str, wanted: str) -> str:
    return f"Using the host's {name} {version}" + (f", which fits {wanted}." if wanted.strip() else ".")


def using_nearest(what: str, version: str, wanted: str) -> str:
    return f"Using {what} {version}: {wanted} was asked for, and only bug fixes lie between the two."


def _as_is(tool: Tool, version: str) -> Tool:
    return Tool(name=tool.name, wanted=tool.wanted, version=version)


def _near(version: str, wanted: str) -> bool:
    """One exact version is met by another that differs in bug fixes only: a host rarely has the very same."""
    exact = npm_range.exact(wanted)
    return exact is not None and version.split(".")[:2] == exact.split(".")[:2]
