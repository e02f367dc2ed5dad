"""Lockfiles of the corpus: kept in locks/ when they are small and name no registry, else made when they are needed.

`python -m tests.e2e.corpus.locks NAME…` makes the kept ones of these apps anew.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import uv

from tests.e2e.corpus.archive import unpack

KEPT = Path(__file__).with_name("locks")
_LONGEST_KEPT = 200_000
_SECONDS = 300


def _without_addresses(text: str) -> str:
    """Yarn classic asks its registry when an entry does not say at which address the package lies."""
    return re.sub(r"^  resolved .*\n", "", text, flags=re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class _Manager:
    """`command` makes `file` in the folder of an app; it is kept unless it `names_registry` after `clean`."""

    file: str
    command: str
    names_registry: bool = False
    clean: Callable[[str], str] = str


_NPM = "npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund"
_SETTLED = "2026-09-15"
"""Releases before that day only: newer ones have come without all of their packages for other platforms."""

_PDM = "uv tool run --with unearth<0.18 --with hishel<2 pdm lock"

MANAGERS = {
    "npm": _Manager(file="package-lock.json", command=f"{_NPM} --before={_SETTLED}"),
    "pnpm": _Manager(file="pnpm-lock.yaml", command="npx --yes pnpm@10.12.1 install --lockfile-only --ignore-scripts"),
    "yarn": _Manager(
        file="yarn.lock",
        command="npx --yes yarn@1.22.22 install --ignore-scripts --non-interactive",
        clean=_without_addresses,
    ),
    "yarn-berry": _Manager(
        file="yarn.lock", command="npx --yes @yarnpkg/cli-dist@4.9.2 install --mode=update-lockfile"
    ),
    "bun": _Manager(file="bun.lock", command="npx --yes bun@1 install --lockfile-only"),
    "uv": _Manager(file="uv.lock", command="uv lock", names_registry=True),
    "poetry": _Manager(file="poetry.lock", command="uv tool run poetry lock"),
    "pdm": _Manager(file="pdm.lock", command=_PDM),
    "pipenv": _Manager(file="Pipfile.lock", command="uv tool run pipenv lock", names_registry=True),
}


def lock(managers: tuple[str, ...], app: str, folder: Path) -> None:
    """Leaves in `folder` the lockfiles that these package managers make of it."""
    for manager in map(MANAGERS.__getitem__, managers):
        kept = KEPT / app / manager.file
        if kept.exists():
            shutil.copy(kept, folder)
        else:
            _make(manager, folder)


def keep_anew(managers: tuple[str, ...], app: str, archive: Path) -> None:
    for manager in map(MANAGERS.__getitem__, managers):
        with TemporaryDirectory() as place:
            unpack(archive, Path(place))
            _make(manager, Path(place))
            text = (Path(place) / manager.file).read_text()
        if manager.names_registry or len(text) > _LONGEST_KEPT:
            continue
        (KEPT / app).mkdir(parents=True, exist_ok=True)
        (KEPT / app / manager.file).write_text(text)


def _make(manager: _Manager, folder: Path) -> None:
    argv = manager.command.split()
    if argv[0] == "uv":
        argv[0] = uv.find_uv_bin()
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"`{manager.command}` failed:\n{done.stdout}\n{done.stderr}")
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    path = folder / manager.file
    path.write_text(manager.clean(path.read_text()))


if __name__ == "__main__":
    from tests.e2e.corpus.table import APPS

    for row in APPS:
        if row.name in sys.argv[1:]:
            keep_anew(row.locks, row.name, row.archive)
