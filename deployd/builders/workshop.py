"""Runs the steps of builds, shut in where this host can do that."""

import asyncio
import os
import pwd
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import uv

from deployd.builders import sandbox
from deployd.builders.run import MARK, run_step
from deployd.builders.sandbox import Bind, User
from deployd.domain.errors import BuildFailed

_SIGNALS = {134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_ROOT = 0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where steps run: only `project` and `cache` can be written; `programs` come first in PATH.

    `env` is all they get besides the base that every build has.
    """

    project: Path
    cache: Path
    env: Mapping[str, str] = {}
    programs: tuple[Path, ...] = ()


class Workshop:
    """`pass_env` and `ro_paths` let builds reach package registries: settings and files of this host they may read.

    `programs` are folders that come first in PATH; list what they need in `ro_paths` unless it lies in /usr.
    `toolchains` is shown to the steps, read-only and under its own path. As root, steps run as `user`, who must exist.
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
    ) -> None:
        self._pass_env = dict(pass_env or {})
        self._ro_paths = (*ro_paths, *((toolchains,) if toolchains else ()))
        self._programs = programs
        self._user = _unprivileged(user) if os.geteuid() == _ROOT else None
        self._interpreter = _interpreter()
        self._no_sandbox = None if bwrap else "switched off"
        self._probed = not bwrap

    async def prepare(self, place: Place, on_line: Callable[[str], None]) -> None:
        """Makes the cache's home, and gives the project to the user that steps run as."""
        await asyncio.to_thread(_make_home, place.cache / "home")
        reason = await self.why_not_sandboxed()
        if reason is not None:
            on_line(f"warning: this build is not sandboxed, it can do what deployd's user can ({reason}).")
        elif self._user is not None:
            await asyncio.to_thread(_give, place.project, place.cache, self._user)

    async def run(self, step: str, place: Place, on_line: Callable[[str], None], at: str = ".") -> None:
        """Runs one shell command in the folder `at` of the project. BuildFailed unless it exits with 0."""
        on_line(f"$ {step}")
        try:
            code = await self._run(step, place, on_line, at)
        except OSError as error:
            raise BuildFailed(f"A build step could not be started: {error.strerror or error}.") from error
        _check(step, code)

    async def why_not_sandboxed(self) -> str | None:
        """Tries bubblewrap once; None when it works, else the reason."""
        if not self._probed:
            self._no_sandbox = await self._probe()
            self._probed = True
        return self._no_sandbox

    async def _run(self, step: str, place: Place, on_line: Callable[[str], None], at: str) -> int:
        programs = tuple(str(folder) for folder in (*place.programs, *self._programs))
        if self._no_sandbox is not None:
            base = sandbox.base_env(str(place.cache), (*programs, str(_uv().parent)), str(self._interpreter))
            marked = {**base, **self._pass_env, **place.env, MARK: secrets.token_hex(16)}
            return await run_step(sandbox.plain_argv(step), marked, str(place.project / at), on_line)
        base = sandbox.base_env(sandbox.CACHE, (*programs, sandbox.PROGRAMS), str(self._interpreter))
        env = {**base, **self._pass_env, **place.env}
        return await self._run_shut_in(step, self._binds(place), env, on_line, at)

    async def _run_shut_in(
        self,
        step: str,
        binds: Sequence[Bind],
        env: Mapping[str, str],
        on_line: Callable[[str], None],
        at: str = ".",
    ) -> int:
        links = sandbox.top_links()
        arguments = os.memfd_create("bwrap-args")
        try:
            os.write(arguments, sandbox.env_arguments(env))
            os.lseek(arguments, 0, os.SEEK_SET)
            if self._user is None:
                argv = sandbox.bwrap_argv(step, binds, arguments, links, at)
            else:
                argv = sandbox.bwrap_argv(step, sandbox.staged(binds), arguments, links, at)
                argv = sandbox.as_user(self._user, binds, argv)
            # Nothing of ours is in the environment: process 1 of the sandbox would show it to the build.
            return await run_step(argv, {"PATH": sandbox.SEARCH_PATH}, "/", on_line, pass_fds=(arguments,))
        finally:
            os.close(arguments)

    def _binds(self, place: Place) -> list[Bind]:
        binds = [Bind(path, str(path), file=path.is_file()) for path in self._ro_paths if path.exists()]
        if not str(self._interpreter).startswith("/usr/"):
            binds.append(Bind(Path(sys.base_prefix), sys.base_prefix))
        binds.append(Bind(_uv(), f"{sandbox.PROGRAMS}/uv", file=True))
        return [*binds, Bind(place.cache, sandbox.CACHE, True), Bind(place.project, sandbox.PROJECT, True)]

    async def _probe(self) -> str | None:
        if shutil.which("bwrap", path=sandbox.SEARCH_PATH) is None:
            return "bubblewrap is not installed"
        said: list[str] = []
        empty = [Bind(Path("/usr"), sandbox.PROJECT)]
        try:
            async with asyncio.timeout(10):
                code = await self._run_shut_in("true", empty, {"PATH": sandbox.SEARCH_PATH}, said.append)
        except (TimeoutError, OSError) as error:
            return f"bubblewrap does not work here: {error}"
        return None if code == 0 else f"bubblewrap does not work here: {' '.join(said)[:200] or f'exit code {code}'}"


def _uv() -> Path:
    return Path(uv.find_uv_bin())


def _interpreter() -> Path:
    """The host's own Python, which every user can read; failing that, the one deployd runs on."""
    found = shutil.which("python3", path=sandbox.SEARCH_PATH)
    return Path(found or Path(sys.base_prefix) / "bin" / "python3").resolve()


def _unprivileged(name: str) -> User:
    entry = pwd.getpwnam(name)
    return User(entry.pw_uid, entry.pw_gid)


def _make_home(home: Path) -> None:
    """An earlier build could have put anything in its place."""
    if home.is_symlink() or home.is_file():
        home.unlink()
    home.mkdir(parents=True, exist_ok=True)


def _give(project: Path, cache: Path, user: User) -> None:
    """Makes the builder's user the owner of what it may write. What it has put into the cache is its own already."""
    for path in (cache, cache / "home"):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
    os.chown(project, user.uid, user.gid, follow_symlinks=False)
    for parent, folders, files in os.walk(project):
        for name in (*folders, *files):
            os.chown(f"{parent}/{name}", user.uid, user.gid, follow_symlinks=False)


def _check(step: str, code: int) -> None:
    if code == 0:
        return
    shown = step if len(step) <= 120 else f"{step[:117]}..."
    if code == 137:
        raise BuildFailed(f"The build step `{shown}` was killed (SIGKILL): most likely the machine ran out of memory.")
    ended = f"was killed by {_SIGNALS[code]}" if code in _SIGNALS else f"exited with code {code}"
    raise BuildFailed(f"The build step `{shown}` {ended}; the build log says why.")
