"""One bare, shallow copy of a remote repository, and what can be asked of it."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deployd.adapters.git import argv, complaints, gitmodules
from deployd.adapters.git.login import Login
from deployd.adapters.git.remote import Remote
from deployd.adapters.git.run import Finished
from deployd.domain.errors import BuildFailed
from deployd.ports.source_repository import Commit

OnLine = Callable[[str], None]

_FULL_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ANY_HASH = re.compile(r"[0-9a-f]{7,64}")
_PATHS_AT_ONCE = 100


class Git(Protocol):
    """Runs a command line; BuildFailed when git is missing, TimeoutError when it takes too long."""

    def __call__(
        self, command: list[str], env: Mapping[str, str] = ..., on_line: OnLine = ..., logins: Sequence[Login] = ..., /
    ) -> Awaitable[Finished]: ...


class Mirror:
    """Only one at a time may work in the folder."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.folder = folder
        self._git = git

    async def fetch(self, remote: Remote, ref: str | None, on_line: OnLine) -> Commit:
        """BuildFailed with one sentence. A full hash that is here already costs no network."""
        await self._prepare()
        if ref is not None and _FULL_HASH.fullmatch(ref) and (known := await self._known(ref)):
            return known
        done = await self._git(
            argv.fetch_one(self.folder, remote.url, ref or "HEAD"), remote.env, on_line, remote.logins
        )
        if done.code == 0:
            return await self._fetched(remote, ref)
        if ref is not None and _ANY_HASH.fullmatch(ref) and complaints.server_has_no(done.complaint):
            return await self._search(remote, ref, on_line)
        if not complaints.looks_known(done.complaint):
            done = await self._afresh(remote, ref, on_line)
            if done.code == 0:
                return await self._fetched(remote, ref)
        raise BuildFailed(complaints.sentence(done.complaint, remote, ref))

    async def submodules(self, sha: str) -> list[tuple[gitmodules.Asked, str]]:
        """What .gitmodules asks for and the commit has a place for, each with the hash that belongs there."""
        found = await self._entries(sha, [gitmodules.FILE])
        if not found:
            return []
        gitmodules.check_file(found[0])
        done = await self._git(argv.list_submodules(self.folder, sha))
        if done.code != 0:
            raise BuildFailed(f"The commit's {gitmodules.FILE} cannot be read: {complaints.last_word(done.complaint)}")
        asked = gitmodules.read_gitmodules(done.output)
        entries = []
        for start in range(0, len(asked), _PATHS_AT_ONCE):
            entries += await self._entries(sha, [one.path for one in asked[start : start + _PATHS_AT_ONCE]])
        places = {entry.path: entry.sha for entry in entries if entry.is_submodule}
        return [(one, places[one.path.rstrip("/")]) for one in asked if one.path.rstrip("/") in places]

    async def uses_lfs(self, sha: str) -> bool:
        return (await self._git(argv.find_lfs(self.folder, sha))).code == 0

    async def has_pointers(self, sha: str) -> bool:
        """Reads every file: only worth asking when what they point to cannot be had."""
        return (await self._git(argv.find_pointers(self.folder, sha))).code == 0

    async def fetch_lfs(self, remote: Remote, sha: str, on_line: OnLine) -> None:
        """Brings the large files of that commit that are not here yet."""
        command = argv.fetch_lfs(self.folder, remote.url, remote.lfs_server, sha)
        done = await self._git(command, remote.env, on_line, remote.logins)
        if done.code != 0:
            raise BuildFailed(complaints.no_large_files(done.complaint, remote))

    async def write(self, sha: str, folder: Path, *, lfs: bool) -> None:
        """Fills `folder` with the commit's files."""
        with tempfile.TemporaryDirectory(prefix="index-", dir=self.folder) as private:
            env = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": f"{private}/index"}
            done = await self._git(argv.write_tree(self.folder, sha, lfs=lfs), env)
        if done.code != 0:
            raise BuildFailed(complaints.not_written(done.complaint, sha))

    async def _entries(self, sha: str, paths: list[str]) -> list[gitmodules.TreeEntry]:
        done = await self._git(argv.list_paths(self.folder, sha, paths))
        if done.code != 0:
            raise BuildFailed(f"Commit {sha[:12]} cannot be read: {complaints.last_word(done.complaint)}")
        return gitmodules.read_tree(done.output)

    async def _prepare(self) -> None:
        """Makes the mirror, or clears what a git that was killed left behind: only this object works in it."""
        if await asyncio.to_thread(_clear_leftovers, self.folder):
            return
        done = await self._git(argv.init(self.folder))
        if done.code != 0:
            raise BuildFailed(f"No mirror could be made for the repository: {done.complaint.strip()[-300:]}")

    async def _known(self, sha: str) -> Commit | None:
        """The commit when an earlier fetch brought it: no need to ask the remote again."""
        done = await self._git(argv.describe(self.folder, sha))
        if done.code != 0 or (await self._git(argv.point_to(self.folder, sha))).code != 0:
            return None
        return _commit(done)

    async def _fetched(self, remote: Remote, ref: str | None) -> Commit:
        done = await self._git(argv.describe(self.folder))
        if done.code != 0:
            raise BuildFailed(complaints.no_such_ref(remote, ref))
        return _commit(done)

    async def _search(self, remote: Remote, ref: str, on_line: OnLine) -> Commit:
        """Looks for a commit in the whole history."""
        on_line(f"The server does not hand out {ref} by itself: fetching the whole history.")
        shallow = (self.folder / "shallow").exists()
        done = await self._git(
            argv.fetch_all(self.folder, remote.url, shallow=shallow), remote.env, on_line, remote.logins
        )
        if done.code != 0:
            raise BuildFailed(complaints.sentence(done.complaint, remote, ref))
        found = await self._known(ref)
        if found is None:
            raise BuildFailed(complaints.no_such_ref(remote, ref))
        return found

    async def _afresh(self, remote: Remote, ref: str | None, on_line: OnLine) -> Finished:
        """A mirror that was damaged costs one more fetch, not a failed deployment."""
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        await self._prepare()
        return await self._git(
            argv.fetch_one(self.folder, remote.url, ref or "HEAD"), remote.env, on_line, remote.logins
        )


def _clear_leftovers(mirror: Path) -> bool:
    """False when there is no mirror that could be used."""
    mirror.parent.mkdir(parents=True, exist_ok=True)
    if not (mirror / "HEAD").is_file() or not (mirror / "objects").is_dir():
        shutil.rmtree(mirror, ignore_errors=True)
        return False
    for leftover in (*mirror.glob("*.lock"), *(mirror / "refs").rglob("*.lock"), *mirror.glob("objects/pack/tmp_*")):
        leftover.unlink(missing_ok=True)
    for folder in mirror.glob("index-*"):
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _commit(done: Finished) -> Commit:
    sha, _, message = done.output.decode("utf-8", "replace").partition("\n")
    return Commit(sha=sha.strip(), message=message.strip() or "(no message)")
