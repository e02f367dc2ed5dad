"""Fetches the submodules of a commit, and theirs, within bounds, each under the rules of the first repository."""

import hashlib
from collections.abc import Awaitable, Callable

from deployd.adapters.git.gitmodules import Asked
from deployd.adapters.git.mirror import Mirror, OnLine
from deployd.adapters.git.remote import Remote, parse_remote, resolve
from deployd.domain.errors import BuildFailed
from deployd.ports.source_repository import Submodule

MOST = 200
DEEPEST = 10


class Submodules:
    """`mirror_of` gives the mirror for a URL, `bring_lfs` fetches the large files of a commit in one if it has any."""

    def __init__(
        self,
        mirror_of: Callable[[str], Mirror],
        bring_lfs: Callable[[Mirror, Remote, str], Awaitable[bool]],
        on_line: OnLine,
    ) -> None:
        self._mirror_of = mirror_of
        self._bring_lfs = bring_lfs
        self._on_line = on_line
        self._found: list[Submodule] = []

    async def fetch(self, mirror: Mirror, remote: Remote, sha: str, at: str = "", depth: int = 1) -> list[Submodule]:
        """All below that commit, an outer before its inner. BuildFailed names the submodule."""
        asked_for = await mirror.submodules(sha)
        if len(self._found) + len(asked_for) > MOST:
            raise BuildFailed(f"The repository has more than {MOST} submodules; deployd fetches no more than that.")
        for asked, wanted in asked_for:
            path = f"{at}{asked.path.rstrip('/')}"
            if depth > DEEPEST:
                raise BuildFailed(
                    f"The submodule {path!r} lies more than {DEEPEST} deep: do submodules hold each other?"
                )
            inner = _remote_of(asked, remote, path)
            self._on_line(f"Submodule {path!r}: {inner.url}")
            await self._fetch_one(inner, wanted, path, depth)
        return self._found

    async def _fetch_one(self, remote: Remote, sha: str, path: str, depth: int) -> None:
        mirror = self._mirror_of(remote.url)
        try:
            await mirror.fetch(remote, sha, lambda line: self._on_line(remote.redact(line)))
            lfs = await self._bring_lfs(mirror, remote, sha)
        except BuildFailed as error:
            raise BuildFailed(f"The submodule {path!r} cannot be fetched. {error}") from error
        self._found.append(Submodule(path=path, url=remote.url, sha=sha, lfs=lfs))
        await self.fetch(mirror, remote, sha, f"{path}/", depth + 1)


def mirror_name(url: str) -> str:
    return f"{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.git"


def _remote_of(asked: Asked, parent: Remote, path: str) -> Remote:
    """BuildFailed for a URL that no app could have either, and for one that leads from another host into this one."""
    if not asked.url:
        raise BuildFailed(f"The submodule {path!r} has no URL in .gitmodules.")
    try:
        remote = parse_remote(resolve(parent.url, asked.url))
    except BuildFailed as error:
        raise BuildFailed(f"The submodule {path!r} cannot be fetched. {error}") from error
    if remote.is_local and not parent.is_local:
        raise BuildFailed(
            f"The submodule {path!r} is at {asked.url!r}, a path of this machine: only a local repository may name one."
        )
    return remote.inherit(parent)
