"""Brings an app's code here with the git command line, into one shallow bare mirror per app."""

import asyncio
import os
import re
import shutil
import stat
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from deployd.adapters.git import argv, complaints
from deployd.adapters.git.login import Login, credential_helpers
from deployd.adapters.git.mirror import Mirror, OnLine
from deployd.adapters.git.remote import Remote, remote_of
from deployd.adapters.git.run import Finished, run_git
from deployd.adapters.git.ssh_key import ssh_key
from deployd.adapters.git.submodules import Submodules, mirror_name
from deployd.domain.errors import BuildFailed
from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.ports.source_repository import Commit

_NAME = re.compile(r"(?![-+./])[^\s~^:?*\[\\\x00-\x1f\x7f]{1,250}(?<!\.lock)(?<![./])")
_NO_ENV: Mapping[str, str] = {}


class GitRepositories:
    """`pass_env` brings HOME, SSH_AUTH_SOCK, proxy and certificate settings to git: nothing else is inherited.

    `timeout_seconds` is for each command; whoever asks sets the bound for all of them.
    """

    def __init__(
        self, mirrors: Path, timeout_seconds: float = 120.0, pass_env: Mapping[str, str] | None = None
    ) -> None:
        self._mirrors = mirrors
        self._timeout_seconds = timeout_seconds
        self._pass_env = dict(pass_env or {})
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fetch(
        self,
        app: AppName,
        repo: RepositoryAddress,
        ref: str | None,
        on_line: Callable[[str], None],
        key: Secret | None = None,
    ) -> Commit:
        remote = remote_of(repo)
        if ref is not None and (not _NAME.fullmatch(ref) or ".." in ref or "@{" in ref):
            raise BuildFailed(f"{ref!r} cannot be the name of a branch, tag or commit.")
        async with self._turn[app]:
            try:
                with ssh_key(key) as file:
                    return await self._fetch(app, remote.with_key(file), ref, lambda line: on_line(remote.redact(line)))
            except TimeoutError:
                raise BuildFailed(complaints.too_slow(remote, self._timeout_seconds)) from None

    async def checkout(self, app: AppName, commit: Commit, folder: Path) -> None:
        async with self._turn[app]:
            try:
                await self._mirror(app).write(commit.sha, folder, lfs=commit.lfs)
                for submodule in commit.submodules:
                    place = await asyncio.to_thread(_empty_folder, folder, submodule.path)
                    await self._mirror(app, submodule.url).write(submodule.sha, place, lfs=submodule.lfs)
            except TimeoutError:
                raise BuildFailed(f"Commit {commit.sha[:12]} could not be written to the disk in time.") from None

    async def forget(self, app: AppName) -> None:
        async with self._turn[app]:
            await asyncio.to_thread(shutil.rmtree, self._mirror(app).folder, ignore_errors=True)
        self._turn.pop(app, None)

    async def _fetch(self, app: AppName, remote: Remote, ref: str | None, on_line: OnLine) -> Commit:
        async def bring_lfs(mirror: Mirror, remote: Remote, sha: str) -> bool:
            return await self._bring_lfs(mirror, remote, sha, lambda line: on_line(remote.redact(line)))

        mirror = self._mirror(app)
        commit = await mirror.fetch(remote, ref, on_line)
        lfs = await bring_lfs(mirror, remote, commit.sha)
        submodules = Submodules(lambda url: self._mirror(app, url), bring_lfs, on_line)
        found = await submodules.fetch(mirror, remote, commit.sha)
        return msgspec.structs.replace(commit, lfs=lfs, submodules=tuple(found))

    def _mirror(self, app: AppName, submodule: str | None = None) -> Mirror:
        """Those of submodules lie in the app's own, so that they go with it."""
        folder = self._mirrors / f"{app}.git"
        return Mirror(folder if submodule is None else folder / "modules" / mirror_name(submodule), self._run)

    async def _bring_lfs(self, mirror: Mirror, remote: Remote, sha: str, on_line: OnLine) -> bool:
        if not await mirror.uses_lfs(sha):
            return False
        if shutil.which("git-lfs", path=argv.environment(self._pass_env, {})["PATH"]) is None:
            if not await mirror.has_pointers(sha):
                return False
            raise BuildFailed(
                f"{remote.url} keeps files in Git LFS: it needs git-lfs on this host (apt install git-lfs)."
            )
        await mirror.fetch_lfs(remote, sha, on_line)
        return True

    async def _run(
        self,
        command: list[str],
        env: Mapping[str, str] = _NO_ENV,
        on_line: OnLine = lambda line: None,
        logins: Sequence[Login] = (),
        /,
    ) -> Finished:
        try:
            with credential_helpers(logins) as config:
                whole = argv.environment(self._pass_env, env, config)
                return await run_git(command, whole, self._timeout_seconds, on_line)
        except FileNotFoundError:
            raise BuildFailed("git is not installed on this machine; install it (apt install git).") from None


def _empty_folder(project: Path, path: str) -> Path:
    """Where a submodule goes. BuildFailed unless the way there is of real folders: a link could lead anywhere."""
    place = project
    for step in path.split("/"):
        place /= step
        try:
            os.mkdir(place)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise BuildFailed(f"The submodule {path!r} cannot be written: {step!r} is not a folder.") from None
    if any(place.iterdir()):
        raise BuildFailed(f"The submodule {path!r} cannot be written: other files of the repository are in its place.")
    return place
