"""Runs npm in the workshop: asks the registry for versions, and installs packages into a folder of their own."""

import asyncio
import shlex
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from deployd.builders.toolchains import npm_client
from deployd.builders.toolchains.host import Host
from deployd.builders.toolchains.shelf import Scratch, Shelf
from deployd.builders.workshop import Place, Workshop
from deployd.domain.errors import BuildFailed, ProviderUnavailable
from deployd.domain.known_tools import NODE_PROGRAM, HostProgram

_NPM_PROGRAM = HostProgram(program="npm", package="npm")
_PATIENCE = "--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000"
_QUIET = "--no-audit --no-fund --no-progress --loglevel=error"
_ASK_SECONDS = 60.0
_INSTALL_SECONDS = 300.0
_MOST_BYTES = 8 << 20
_NOT_THERE = ("E404", "ETARGET")


class NoSuchVersion(Exception):
    """The registry has no such package or version."""


class Npm:
    def __init__(self, shelf: Shelf, workshop: Workshop, host: Host, env: Mapping[str, str]) -> None:
        self._shelf = shelf
        self._workshop = workshop
        self._host = host
        self._env = env

    async def versions(self, package: str) -> tuple[str, ...]:
        """All that the registry has. ProviderUnavailable when it gives no answer."""
        async with self._shelf.scratch() as scratch:
            step = f"npm view {shlex.quote(package)} versions --json {_PATIENCE} --loglevel=error > versions.json"
            try:
                await self._run(step, scratch, await self._programs(), _ASK_SECONDS)
            except (_StepFailed, TimeoutError) as failure:
                raise ProviderUnavailable(f"The npm registry was asked about {package}: {failure}") from failure
            return await asyncio.to_thread(_read_versions, scratch.tree / "versions.json")

    async def install(self, packages: Sequence[str], scratch: Scratch, *, scripts: bool = False) -> None:
        """`package@version`s with their programs in `node_modules/.bin`; npm checks what it downloads by its hash.

        NoSuchVersion, or BuildFailed with npm's own words.
        """
        names = " ".join(map(shlex.quote, packages))
        ignore = "--ignore-scripts=false" if scripts else "--ignore-scripts"
        step = f"npm install --prefix . --no-save --no-package-lock {ignore} {_PATIENCE} {_QUIET} {names}"
        try:
            await self._run(step, scratch, await self._programs(), _INSTALL_SECONDS)
        except TimeoutError:
            raise BuildFailed(
                f"{packages[0]} could not be downloaded from the npm registry within {_INSTALL_SECONDS:g} s."
            ) from None
        except _StepFailed as failure:
            if any(code in failure.lines for code in _NOT_THERE):
                raise NoSuchVersion from failure
            raise BuildFailed(f"{packages[0]} could not be installed: {failure}") from failure

    async def run(self, step: str, scratch: Scratch, programs: Sequence[Path] = ()) -> str:
        """What a short step in the folder of an installation prints. BuildFailed with its last words."""
        try:
            return await self._run(step, scratch, programs, _ASK_SECONDS)
        except (_StepFailed, TimeoutError) as failure:
            raise BuildFailed(str(failure)) from failure

    async def client(self) -> str | None:
        """The folder on the shelf of npm and its node, installed where the host has no npm; None where it has."""
        if await self._host.version(NODE_PROGRAM) and await self._host.version(_NPM_PROGRAM):
            return None
        return await self._shelf.put("npm-client", npm_client.NODE, self._install_client)

    async def _programs(self) -> tuple[Path, ...]:
        """Where npm is, unless it is the host's own."""
        place = await self.client()
        return () if place is None else (self._shelf.folder / place,)

    async def _install_client(self, scratch: Scratch) -> None:
        try:
            async with asyncio.timeout(_INSTALL_SECONDS):
                await npm_client.fetch_npm(self._env, scratch.tree)
            await self._run("PATH=$PWD/bin:$PATH npm --version", scratch, (), _ASK_SECONDS)
        except (_StepFailed, ProviderUnavailable, TimeoutError) as failure:
            raise BuildFailed(
                f"This host has no npm to install tools with: install it (apt install nodejs npm). {failure}"
            ) from failure

    async def _run(self, step: str, scratch: Scratch, programs: Sequence[Path], seconds: float) -> str:
        said: deque[str] = deque(maxlen=40)
        place = Place(project=scratch.tree, cache=scratch.cache, programs=tuple(programs))
        await self._workshop.prepare(place, lambda line: None)
        try:
            async with asyncio.timeout(seconds):
                await self._workshop.run(step, place, said.append)
        except TimeoutError:
            raise TimeoutError(f"no answer within {seconds:g} s.") from None
        except BuildFailed as failure:
            raise _StepFailed(list(said)) from failure
        return "\n".join(line for line in said if not line.startswith("$ "))


class _StepFailed(Exception):
    """`str()` is the line that tells most, as a sentence."""

    def __init__(self, said: list[str]) -> None:
        self.lines = "\n".join(said)
        lines = [line.removeprefix("npm error ").removeprefix("npm ERR! ").strip() for line in said]
        telling = [line for line in lines if line and not line.startswith(("$ ", "A complete log", "code ", "at "))]
        super().__init__(((telling or ["it ended without a word"])[0][:300]).rstrip(".") + ".")


def _read_versions(file: Path) -> tuple[str, ...]:
    """npm writes a version that is the only one without a list around it."""
    with file.open("rb") as opened:
        answer = opened.read(_MOST_BYTES)
    try:
        versions = msgspec.json.decode(answer, type=list[str] | str)
    except msgspec.DecodeError as error:
        raise ProviderUnavailable("The npm registry gave an answer that is no list of versions.") from error
    return (versions,) if isinstance(versions, str) else tuple(versions)
