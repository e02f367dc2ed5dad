"""Repositories served over HTTP and fetched into mirrors, for the tests of this folder."""

import subprocess
from pathlib import Path

from deployd.adapters.git.repositories import GitRepositories
from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.ports.source_repository import Commit
from tests.support.repos import git, repo_with

APP = AppName("shop")


class Served:
    """`top` is a folder whose repositories lie below `base_url`."""

    def __init__(self, folder: Path, base_url: str, timeout_seconds: float = 30, path: str = "") -> None:
        self.top = folder / "served"
        self.folder = folder
        self.base_url = base_url
        self.lines: list[str] = []
        pass_env = {"HOME": str(folder), **({"PATH": path} if path else {})}
        self.sources = GitRepositories(folder / "mirrors", timeout_seconds, pass_env)

    def make(self, name: str, files: dict[str, str] | None = None) -> Path:
        return repo_with(files or {"index.html": name}, self.top / name)

    async def fetch(self, repo: str, ref: str | None = None, key: Secret | None = None) -> Commit:
        """`repo` is a name below the base, or a whole address."""
        whole = repo if ":" in repo or repo.startswith("/") else f"{self.base_url}/{repo}"
        return await self.sources.fetch(APP, RepositoryAddress.parse(whole), ref, self.lines.append, key)

    async def checkout(self, commit: Commit, name: str = "project") -> Path:
        folder = self.folder / name
        folder.mkdir()
        await self.sources.checkout(APP, commit, folder)
        return folder


def head(repo: Path) -> str:
    return git(repo, "rev-parse", "HEAD")


def add_submodule(repo: Path, path: str, url: str, sha: str, **more: str) -> None:
    """Without asking git whether that is wise."""
    settings = {"path": path, "url": url, **more}
    for key, value in settings.items():
        git(repo, "config", "-f", ".gitmodules", f"submodule.{path}.{key}", value)
    git(repo, "add", ".gitmodules")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    git(repo, "commit", "-q", "-m", f"Submodule {path}")


def commit_tree(repo: Path, *entries: tuple[str, str, bytes, bytes]) -> str:
    """A commit of exactly these (mode, kind, content or hash, name), which git itself would not write down."""
    raw = b""
    for mode, kind, content, name in entries:
        sha = content.decode() if kind in ("commit", "hash") else _write(repo, kind, content)
        raw += b"%b %b\0%b" % (mode.lstrip("0").encode(), name, bytes.fromhex(sha))
    tree = _write(repo, "tree", raw)
    sha = git(repo, "commit-tree", tree, "-m", "Made by hand")
    git(repo, "update-ref", "refs/heads/main", sha)
    return sha


def _write(repo: Path, kind: str, content: bytes) -> str:
    command = ["git", "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
    done = subprocess.run(command, cwd=repo, input=content, check=True, capture_output=True, timeout=60)
    return done.stdout.decode().strip()
