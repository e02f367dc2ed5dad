"""Runs the steps of builds: capped, with a network of their own when that is wished, shut in where this host can."""

import asyncio
import os
import pwd
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uv

from deployd.builders import sandbox
from deployd.builders.cage import Cages, joining
from deployd.builders.caps import Caps, lesser_argv
from deployd.builders.caps import warning as uncapped_warning
from deployd.builders.enclosure import Command, enclosed
from deployd.builders.ending import what_went_wrong
from deployd.builders.gate import gate
from deployd.builders.lines import Lines, Written
from deployd.builders.network import BuildNetwork, Network, NotIsolated, isolated_network, why_not_isolated
from deployd.builders.obstacles import (
    NOT_INSTALLED,
    SWITCHED_OFF,
    Obstacle,
    cut_off,
    obstacle,
    open_builds,
    open_network,
    refusal,
    this_host,
)
from deployd.builders.registry_env import on_loopback
from deployd.builders.run import MARK, run_step
from deployd.builders.sandbox import Bind, User
from deployd.builders.unreached import Unreached
from deployd.domain.errors import BuildFailed
from deployd.limits.cgroup import Group

_ROOT = 0
_PROBE_SECONDS = 10
_OURS = {"PATH": sandbox.SEARCH_PATH}
"""All that the programs outside of a sandbox get: its process 1 would show more to the build."""

_FRESH_HOME = 'rm -rf -- "$0" 2>/dev/null || { chmod -R u+rwX -- "$0" && rm -rf -- "$0"; }; mkdir -p -- "$0"'
"""Go makes its folders read-only. These programs take trees of any depth, and follow no link."""

_GIVE = f'{{ {_FRESH_HOME}; }} && chown -h -- "$2" "$1" "$0" && chown -RhP -- "$2" "$3"'


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where steps run: only `project` and `cache` can be written; `programs` come first in PATH.

    `env` is all they get besides the base that every build has, and wins over it. One place is for one build: what its
    steps have `written` to the log counts together.
    """

    project: Path
    cache: Path
    env: Mapping[str, str] = {}
    programs: tuple[Path, ...] = ()
    written: Written = msgspec.field(default_factory=Written)


class Workshop:
    """`pass_env` and `ro_paths` let builds reach package registries: settings and files of this host they may read.

    `programs` are folders that come first in PATH; list what they need in `ro_paths` unless it lies in /usr.
    `toolchains` is shown to the steps, read-only and under its own path. As root, steps run as `user`, who must exist.
    Where no sandbox can be had, steps are refused unless `unsandboxed` (or `bwrap=False`, which wants none). In an
    `isolated` network they cannot reach what listens on this host's loopback, nor `closed_ports` at its other
    addresses; `auto` isolates them where that works.
    """

    def __init__(
        self,
        *,
        pass_env: Mapping[str, str] | None = None,
        ro_paths: tuple[Path, ...] = (),
        programs: tuple[Path, ...] = (),
        toolchains: Path | None = None,
        user: str = "nobody",
        bwrap: bool = True,
        caps: Caps | None = None,
        network: BuildNetwork = "host",
        closed_ports: Sequence[range] = (),
        unsandboxed: bool = False,
    ) -> None:
        self._pass_env = dict(pass_env or {})
        self._ro_paths = (*ro_paths, *((toolchains,) if toolchains else ()))
        self._programs = programs
        self._user = _unprivileged(user) if os.geteuid() == _ROOT else None
        self._interpreter = _interpreter()
        self._uv = Path(uv.find_uv_bin())
        self._bwrap = bwrap
        self._open = unsandboxed or not bwrap
        self._obstacle: Obstacle | None = None if bwrap else SWITCHED_OFF
        self._sandboxes = False
        self._caps = caps or Caps()
        self._cages: Cages | None = None
        self._wished = network
        self._closed_ports = tuple(closed_ports)
        self._isolates = network == "isolated"
        self._isolation_works = False
        self._not_isolated: str | None = None

    def warnings(self) -> tuple[str, ...]:
        """What builds go without on this host, as of the last look."""
        if self._obstacle is not None and self._bwrap:
            return (open_builds(self._obstacle) if self._open else refusal(self._obstacle),)
        if self._not_isolated is not None:
            return (str(NotIsolated(self._not_isolated)) if self._isolates else open_network(self._not_isolated),)
        unreachable = on_loopback(self._pass_env) if self._isolates else []
        return (cut_off(unreachable),) if unreachable else ()

    async def look(self) -> None:
        """What works once is relied on from then on; what does not is tried again."""
        if self._bwrap and not self._sandboxes:
            self._obstacle = await self._probe()
            self._sandboxes = self._obstacle is None
        if self._wished != "host" and not self._isolation_works and self._obstacle is None:
            self._not_isolated = await why_not_isolated(self._closed_ports)
            self._isolation_works = self._not_isolated is None
            self._isolates = self._isolation_works or self._wished == "isolated"

    async def prepare(self, place: Place, on_line: Callable[[str], None]) -> None:
        """Once for a build, before its steps: a new home, and the project given to the user that steps run as.

        BuildFailed when builds cannot be shut in as deployd.toml wants them.
        """
        await self.look()
        found = self._obstacle
        if found is not None and not self._open:
            raise BuildFailed(refusal(found))
        if found is not None and self._isolates:
            raise NotIsolated(f"this host cannot sandbox them ({found.why})")
        if self._not_isolated is not None and self._isolates:
            raise NotIsolated(self._not_isolated)
        if found is SWITCHED_OFF:
            on_line("warning: this build is not sandboxed, it can do what deployd's user can (switched off).")
        for warning in self.warnings():
            on_line(f"warning: {warning}")
        if (uncapped := uncapped_warning(self._caps, (await self._found_cages()).unenforced)) is not None:
            on_line(uncapped)
        await self._make_ready(place, on_line, self._user if found is None else None)

    async def run(self, step: str, place: Place, on_line: Callable[[str], None], at: str = ".") -> None:
        """Runs one shell command in the folder `at` of the project. BuildFailed unless it exits with 0."""
        if "\0" in step:
            raise BuildFailed("A build step holds a NUL byte, which no program can be given.")
        on_line(f"$ {step}")
        heard = Unreached(on_line)
        lines = Lines(heard, place.written, self._caps.output_bytes)
        try:
            async with self._caged() as (group, before), self._network() as network:
                if self._obstacle is None:
                    command = Command(
                        step=step,
                        binds=self._binds(place),
                        env=self._env(place, sandbox.CACHE, sandbox.PROGRAMS),
                        tmp_bytes=self._caps.memory_bytes,
                        at=at,
                        before=before,
                        network=network,
                    )
                    code = await self._run_enclosed(command, group, lines)
                else:
                    env = {**self._env(place, str(place.cache), str(self._uv.parent)), MARK: secrets.token_hex(16)}
                    argv = joining(group, sandbox.plain_argv(step, before))
                    code = await run_step(argv, env, str(place.project / at), lines, group=group)
                failure = what_went_wrong(step, code, group, self._caps, heard.host)
        except OSError as error:
            raise BuildFailed(f"A build step could not be started: {error.strerror or error}.") from error
        if failure is not None:
            raise BuildFailed(failure)

    async def why_not_sandboxed(self) -> str | None:
        """None when bubblewrap works, else the reason."""
        await self.look()
        return None if self._obstacle is None else self._obstacle.why

    async def _make_ready(self, place: Place, on_line: Callable[[str], None], user: User | None) -> None:
        """What an earlier build left in its home could be a password, or a trap."""
        home, project = place.cache / "home", str(place.project)
        argv = ["sh", "-c", _FRESH_HOME, str(home)]
        if user is not None:
            argv = ["sh", "-c", _GIVE, str(home), str(place.cache), f"{user.uid}:{user.gid}", project]
        lines = Lines(on_line, place.written, self._caps.output_bytes)
        if await run_step(argv, _OURS, "/", lines) != 0:
            raise BuildFailed("The folders of the build could not be made ready; the build log says why.")

    @asynccontextmanager
    async def _caged(self) -> AsyncIterator[tuple[Group, list[str]]]:
        """The group that a step is to join, and what stands before it where groups cannot cap it."""
        cages = await self._found_cages()
        async with cages.one() as group:
            yield group, lesser_argv(self._caps, cages.unenforced)

    async def _found_cages(self) -> Cages:
        if self._cages is None:
            self._cages = await asyncio.to_thread(Cages, self._caps)
        return self._cages

    @asynccontextmanager
    async def _network(self) -> AsyncIterator[Network | None]:
        if not self._isolates or self._obstacle is not None:
            yield None
            return
        async with isolated_network(self._closed_ports) as network:
            yield network

    async def _run_enclosed(self, command: Command, group: Group, lines: Lines) -> int:
        async with gate(group) as closed:
            with enclosed(command, closed, self._user) as (argv, descriptors):
                return await run_step(argv, _OURS, "/", lines, group=group, pass_fds=descriptors, started=closed.let_in)

    def _env(self, place: Place, cache: str, last: str) -> dict[str, str]:
        programs = (*map(str, (*place.programs, *self._programs)), last)
        return {**sandbox.base_env(cache, programs, str(self._interpreter)), **self._pass_env, **place.env}

    def _binds(self, place: Place) -> list[Bind]:
        binds = [Bind(path, str(path), file=path.is_file()) for path in self._ro_paths if path.exists()]
        if not str(self._interpreter).startswith("/usr/"):
            binds.append(Bind(Path(sys.base_prefix), sys.base_prefix))
        binds.append(Bind(self._uv, f"{sandbox.PROGRAMS}/uv", file=True))
        return [*binds, Bind(place.cache, sandbox.CACHE, True), Bind(place.project, sandbox.PROJECT, True)]

    async def _probe(self) -> Obstacle | None:
        if shutil.which("bwrap", path=sandbox.SEARCH_PATH) is None:
            return NOT_INSTALLED
        said: list[str] = []
        empty = [Bind(Path("/usr"), sandbox.PROJECT)]
        command = Command(step="true", binds=empty, env=_OURS, tmp_bytes=self._caps.memory_bytes)
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                lines = Lines(said.append, Written(), self._caps.output_bytes)
                code = await self._run_enclosed(command, Group(()), lines)
        except (TimeoutError, OSError) as error:
            return obstacle(str(error) or "no answer in time", this_host())
        return None if code == 0 else obstacle(" ".join(said)[:200] or f"exit code {code}", this_host())


def _interpreter() -> Path:
    """The host's own Python, which every user can read; failing that, the one deployd runs on."""
    found = shutil.which("python3", path=sandbox.SEARCH_PATH)
    return Path(found or Path(sys.base_prefix) / "bin" / "python3").resolve()


def _unprivileged(name: str) -> User:
    entry = pwd.getpwnam(name)
    return User(entry.pw_uid, entry.pw_gid)
