"""Git repositories made from the example apps, in a folder that git can fetch from."""

import os
import shutil
import subprocess
from pathlib import Path

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")


def repo_of(example: str, folder: Path) -> Path:
    """A repository whose one commit holds the example's files."""
    source = _EXAMPLES / example
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", "dist", ".venv", "__pycache__"))
    git(folder, "init", "-q")
    commit(folder, "First version")
    return folder


def repo_with(files: dict[str, str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    write(folder, files, "First version")
    return folder


def write(folder: Path, files: dict[str, str], message: str) -> None:
    """Writes the files and commits them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    commit(folder, message)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def git(folder: Path, *arguments: str) -> str:
    """Whatever this machine's own configuration of git says."""
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        ["git", *_IDENTITY, *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()
