"""What a row of the corpus says, and how its app becomes a git repository."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.corpus.archive import unpack
from tests.e2e.corpus.locks import lock
from tests.support.repos import commit, git

_ARCHIVES = Path(__file__).with_name("apps")
_HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREPARE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class CorpusApp:
    """`GET path` must answer `status` with `says` in its body, and exactly `processes` must run (none: a static site).

    `locks` are the package managers whose lockfiles the repository has; `prepare` is a shell script for what an
    archive cannot hold, run in the folder before its commit. `build` and `env` are the app's settings in deployd.
    `tells` must stand in the build log. With `refused` the deployment must fail for a reason that holds it; `needs` is
    a tool without which this host must refuse by naming it; without the program `only_with`, which nothing refuses by
    name, the app is left out. `files_of` is the app whose files this one shares.
    `quick` apps are part of `make test`.
    """

    name: str
    says: str = ""
    path: str = "/"
    status: int = 200
    processes: tuple[str, ...] = ("web",)
    locks: tuple[str, ...] = ()
    prepare: str = ""
    build: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    tells: str = ""
    refused: str = ""
    needs: str = ""
    only_with: str = ""
    files_of: str = ""
    quick: bool = False

    @property
    def archive(self) -> Path:
        return _ARCHIVES / f"{self.files_of or self.name}.txtar"

    @property
    def expected_refusal(self) -> str:
        """Empty when this host must be able to run the app."""
        if self.needs and not _has(self.needs):
            return self.needs
        return self.refused

    @property
    def why_left_out(self) -> str:
        """Empty when this host can try the app."""
        return "" if not self.only_with or _has(self.only_with) else f"there is no {self.only_with} on this host"


def _has(program: str) -> bool:
    return shutil.which(program, path=_HOST_PATH) is not None


def make_repository(app: CorpusApp, folder: Path) -> Path:
    """A repository with one commit in `folder`; `prepare` may make others beside it."""
    unpack(app.archive, folder)
    lock(app.locks, app.name, folder)
    git(folder, "init", "-q")
    if app.prepare:
        subprocess.run(
            ["sh", "-ec", app.prepare], cwd=folder, check=True, capture_output=True, timeout=_PREPARE_SECONDS
        )
    commit(folder, "First version")
    return folder
