"""Plans and runs builds: detection in a thread, steps in a sandbox where this host can make one."""

import asyncio
import os
import pwd
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv

from deployd.builders import sandbox
from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.run import MARK, run_step
from deployd.builders.sandbox import Bind, User
from deployd.domain.errors import BuildFailed
from deployd.domain.release import BuildPlan

_SIGNALS = {134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_ROOT = 0


class SandboxedBuilder:
    """`pass_env` and `ro_paths` let builds reach package registries: settings and files of this host they may read.

    `programs` are folders that come first in PATH; list what they need in `ro_paths` unless it lies in /usr.
    As root, builds run as `user`, who must exist. `timeout_seconds` is for all steps of a build together.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 900.0,
        pass_env: Mapping[str, str] | None = None,
        ro_paths: tuple[Path, ...] = (),
        programs: tuple[Path, ...] = (),
        user: str = "nobody",
        bwrap: bool = True,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._pass_env = dict(pass_env or {})
        self._ro_paths = ro_paths
        self._programs = tuple(str(folder) for folder in programs)
        self._user = _unprivileged(user) if os.geteuid() == _ROOT else None
        self._interpreter = _interpreter()
        self._no_sandbox = None if bwrap else "switched off"
        self._probed = not bwrap

    async def plan(self, project: Path, commands: Mapping[str, str]) -> BuildPlan:
        return await asyncio.to_thread(lambda: detect(list_project(project), commands))

    async def build(
        self,
        project: Path,
        plan: BuildPlan,
        env: Mapping[str, str],
        cache: Path,
        on_line: Callable[[str], None],
    ) -> None:
        if plan.steps:
            await self._prepare(project, cache, on_line)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for step in plan.steps:
                    on_line(f"$ {step}")
                    _check(step, await self._run(step, project, {**plan.env, **env}, cache, on_line))
        except TimeoutError:
            raise BuildFailed(f"The build took longer than {self._timeout_seconds:g} s and was stopped.") from None
        except OSError as error:
            raise BuildFailed(f"A build step could not be started: {error.strerror or error}.") from error
        await asyncio.to_thread(_check_output, project, plan)

    async def why_not_sandboxed(self) -> str | None:
        """Tries bubblewrap once; None when it works, else the reason."""
        if not self._probed:
            self._no_sandbox = await self._probe()
            self._probed = True
        return self._no_sandbox

    async def _prepare(self, project: Path, cache: Path, on_line: Callable[[str], None]) -> None:
        await asyncio.to_thread(_make_home, cache / "home")
        reason = await self.why_not_sandboxed()
        if reason is not None:
            on_line(f"warning: this build is not sandboxed, it can do what deployd's user can ({reason}).")
        elif self._user is not None:
            await asyncio.to_thread(_give, project, cache, self._user)

    async def _run(
        self, step: str, project: Path, env: Mapping[str, str], cache: Path, on_line: Callable[[str], None]
    ) -> int:
        if self._no_sandbox is not None:
            return await self._run_plainly(step, project, env, cache, on_line)
        programs = (*self._programs, sandbox.PROGRAMS)
        inside = sandbox.base_env(sandbox.CACHE, programs, str(self._interpreter))
        return await self._run_shut_in(step, self._binds(project, cache), {**inside, **self._pass_env, **env}, on_line)

    async def _run_plainly(
        self, step: str, project: Path, env: Mapping[str, str], cache: Path, on_line: Callable[[str], None]
    ) -> int:
        base = sandbox.base_env(str(cache), (*self._programs, str(_uv().parent)), str(self._interpreter))
        marked = {**base, **self._pass_env, **env, MARK: secrets.token_hex(16)}
        return await run_step(sandbox.plain_argv(step), marked, str(project), on_line)

    async def _run_shut_in(
        self, step: str, binds: Sequence[Bind], env: Mapping[str, str], on_line: Callable[[str], None]
    ) -> int:
        links = sandbox.top_links()
        arguments = os.memfd_create("bwrap-args")
        try:
            os.write(arguments, sandbox.env_arguments(env))
            os.lseek(arguments, 0, os.SEEK_SET)
            if self._user is None:
                argv = sandbox.bwrap_argv(step, binds, arguments, links)
            else:
                argv = sandbox.bwrap_argv(step, sandbox.staged(binds), arguments, links)
                argv = sandbox.as_user(self._user, binds, argv)
            # Nothing of ours is in the environment: process 1 of the sandbox would show it to the build.
            return await run_step(argv, {"PATH": sandbox.SEARCH_PATH}, "/", on_line, pass_fds=(arguments,))
        finally:
            os.close(arguments)

    def _binds(self, project: Path, cache: Path) -> list[Bind]:
        binds = [Bind(path, str(path), file=path.is_file()) for path in self._ro_paths if path.exists()]
        if not str(self._interpreter).startswith("/usr/"):
            binds.append(Bind(Path(sys.base_prefix), sys.base_prefix))
        binds.append(Bind(_uv(), f"{sandbox.PROGRAMS}/uv", file=True))
        return [*binds, Bind(cache, sandbox.CACHE, True), Bind(project, sandbox.PROJECT, True)]

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


def _check_output(project: Path, plan: BuildPlan) -> None:
    """The output folder could have been made a link to any folder of this host, which would then be served."""
    if plan.static_root is None:
        return
    root, output = project.resolve(), (project / plan.static_root).resolve()
    if not output.is_dir():
        raise BuildFailed(f"The build ended well but left no folder {plan.static_root!r} to serve.")
    if not output.is_relative_to(root):
        raise BuildFailed(f"The folder {plan.static_root!r} is a link that leads out of the project; make it a folder.")
