"""Where an app's code comes from."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret


class Submodule(msgspec.Struct, frozen=True, kw_only=True):
    """Another repository's commit that belongs into `path` of this one; `lfs` as for a commit."""

    path: str
    url: str
    sha: str
    lfs: bool


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """`lfs` says whether files of it are kept outside git; `submodules` are all of them, an outer before its inner."""

    sha: str
    message: str
    lfs: bool = False
    submodules: tuple[Submodule, ...] = ()


class SourceRepository(Protocol):
    async def fetch(
        self,
        app: AppName,
        repo: RepositoryAddress,
        ref: str | None,
        on_line: Callable[[str], None],
        key: Secret | None = None,
    ) -> Commit:
        """Brings `ref` (branch, tag or commit; None = the remote's HEAD) into the app's mirror, with its submodules
        and large files. `key` is a private ssh key without a passphrase, used in place of those of deployd's user.

        BuildFailed with one clear sentence: no such repository, no such ref, credentials missing, no answer in time,
        a submodule that cannot or must not be fetched.
        """
        ...

    async def checkout(self, app: AppName, commit: Commit, folder: Path) -> None:
        """Writes the files of a commit that `fetch` gave into the empty `folder`, without .git; needs no network.

        BuildFailed when the commit holds a path that leads out of the folder.
        """
        ...

    async def forget(self, app: AppName) -> None:
        """Deletes the mirror."""
        ...
