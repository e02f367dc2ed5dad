"""Brings an app's code here with the git command line, into one shallow bare mirror per app."""

import asyncio
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from deployd.adapters.git import argv, complaints
from deployd.adapters.git.remote import Remote, parse_remote
from deployd.adapters.git.run import Finished, run_git
from deployd.domain.errors import BuildFailed
from deployd.domain.ids import AppName
from deployd.ports.source_repository import Commit

_NAME = re.compile(r"(?![-+./])[^\s~^:?*\[\\\x00-\x1f\x7f]{1,250}(?<!\.lock)(?<![./])")
_FULL_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ANY_HASH = re.compile(r"[0-9a-f]{7,64}")


class GitRepositories:
    """`pass_env` brings HOME, SSH_AUTH_SOCK, proxy and certificate settings to git: nothing else is inherited."""

    def __init__(
        self, mirrors: Path, timeout_seconds: float = 120.0, pass_env: Mapping[str, str] | None = None
    ) -> None:
        self._mirrors = mirrors
        self._timeout_seconds = timeout_seconds
        self._pass_env = dict(pass_env or {})
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fetch(self, app: AppName, repo: str, ref: str | None, on_line: Callable[[str], None]) -> Commit:
        remote = parse_remote(repo)
        if ref is not None and (not _NAME.fullmatch(ref) or ".." in ref or "@{" in ref):
            raise BuildFailed(f"{ref!r} cannot be the name of a branch, tag or commit.")
        async with self._turn[app]:
            try:
                return await self._fetch(self._mirror(app), remote, ref, lambda line: on_line(remote.redact(line)))
            except TimeoutError:
                raise BuildFailed(complaints.too_slow(remote, self._timeout_seconds)) from None

    async def checkout(self, app: AppName, commit: Commit, folder: Path) -> None:
        async with self._turn[app]:
            with tempfile.TemporaryDirectory(prefix="index-", dir=self._mirrors) as private:
                env = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": f"{private}/index"}
                command = argv.write_tree(self._mirror(app), commit.sha)
                try:
                    done = await self._run(command, env)
                except TimeoutError:
                    raise BuildFailed(f"Commit {commit.sha[:12]} could not be written to the disk in time.") from None
        if done.code != 0:
            raise BuildFailed(f"Commit {commit.sha[:12]} could not be checked out: {done.complaint.strip()[-300:]}")

    async def forget(self, app: AppName) -> None:
        async with self._turn[app]:
            await asyncio.to_thread(shutil.rmtree, self._mirror(app), ignore_errors=True)
        self._turn.pop(app, None)

    def _mirror(self, app: AppName) -> Path:
        return self._mirrors / f"{app}.git"

    async def _fetch(self, mirror: Path, remote: Remote, ref: str | None, on_line: Callable[[str], None]) -> Commit:
        await self._prepare(mirror)
        if ref is not None and _FULL_HASH.fullmatch(ref) and (known := await self._known(mirror, ref)):
            return known
        done = await self._run(argv.fetch_one(mirror, remote.url, ref or "HEAD"), remote.env, on_line)
        if done.code == 0:
            return await self._fetched(mirror, remote, ref)
        if ref is not None and _ANY_HASH.fullmatch(ref) and complaints.server_has_no(done.complaint):
            return await self._search(mirror, remote, ref, on_line)
        if not complaints.looks_known(done.complaint):
            done = await self._afresh(mirror, remote, ref, on_line)
            if done.code == 0:
                return await self._fetched(mirror, remote, ref)
        raise BuildFailed(complaints.sentence(done.complaint, remote, ref))

    async def _prepare(self, mirror: Path) -> None:
        """Makes the mirror, or clears what a git that was killed left behind: only this object works in it."""
        if await asyncio.to_thread(_clear_leftovers, mirror):
            return
        done = await self._run(argv.init(mirror), {})
        if done.code != 0:
            raise BuildFailed(f"No mirror could be made for the repository: {done.complaint.strip()[-300:]}")

    async def _known(self, mirror: Path, sha: str) -> Commit | None:
        """The commit when an earlier fetch brought it: no need to ask the remote again."""
        done = await self._run(argv.describe(mirror, sha), {})
        if done.code != 0 or (await self._run(argv.point_to(mirror, sha), {})).code != 0:
            return None
        return _commit(done)

    async def _fetched(self, mirror: Path, remote: Remote, ref: str | None) -> Commit:
        done = await self._run(argv.describe(mirror), {})
        if done.code != 0:
            raise BuildFailed(complaints.no_such_ref(remote, ref))
        return _commit(done)

    async def _search(self, mirror: Path, remote: Remote, ref: str, on_line: Callable[[str], None]) -> Commit:
        """Looks for a commit in the whole history."""
        on_line(f"The server does not hand out {ref} by itself: fetching the whole history.")
        shallow = (mirror / "shallow").exists()
        done = await self._run(argv.fetch_all(mirror, remote.url, shallow=shallow), remote.env, on_line)
        if done.code != 0:
            raise BuildFailed(complaints.sentence(done.complaint, remote, ref))
        found = await self._known(mirror, ref)
        if found is None:
            raise BuildFailed(complaints.no_such_ref(remote, ref))
        return found

    async def _afresh(self, mirror: Path, remote: Remote, ref: str | None, on_line: Callable[[str], None]) -> Finished:
        """A mirror that was damaged costs one more fetch, not a failed deployment."""
        await asyncio.to_thread(shutil.rmtree, mirror, ignore_errors=True)
        await self._prepare(mirror)
        return await self._run(argv.fetch_one(mirror, remote.url, ref or "HEAD"), remote.env, on_line)

    async def _run(
        self, command: list[str], env: Mapping[str, str], on_line: Callable[[str], None] = lambda line: None
    ) -> Finished:
        try:
            return await run_git(command, argv.environment(self._pass_env, env), self._timeout_seconds, on_line)
        except FileNotFoundError:
            raise BuildFailed("git is not installed on this machine; install it (apt install git).") from None


def _clear_leftovers(mirror: Path) -> bool:
    """False when there is no mirror that could be used."""
    mirror.parent.mkdir(parents=True, exist_ok=True)
    if not (mirror / "HEAD").is_file() or not (mirror / "objects").is_dir():
        shutil.rmtree(mirror, ignore_errors=True)
        return False
    for leftover in (*mirror.glob("*.lock"), *(mirror / "refs").rglob("*.lock"), *mirror.glob("objects/pack/tmp_*")):
        leftover.unlink(missing_ok=True)
    return True


def _commit(done: Finished) -> Commit:
    sha, _, message = done.output.partition("\n")
    return Commit(sha=sha.strip(), message=message.strip() or "(no message)")
