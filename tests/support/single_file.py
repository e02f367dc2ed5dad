"""dist/deployd as the tests use it: made once for each state of the sources, and a newer one out of it."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_KEPT = _ROOT / "dist" / "for-tests"
_SOURCES = ("deployd", "actors", "web", "sql", "packaging")
_FILES = ("requirements.lock", "deployd.toml", "pyproject.toml")
_LEFT_OUT = frozenset({"__pycache__", "node_modules"})
_MAKE_SECONDS = 300.0


def single_file() -> Path:
    """Skips the test where the tool that makes it is missing."""
    if shutil.which("objcopy") is None:
        pytest.skip("binutils is missing: `bash packaging/system-packages.sh binary` installs it.")
    _KEPT.mkdir(parents=True, exist_ok=True)
    with (_KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = _KEPT / f"deployd-{_state_of_the_sources()}"
        if not made.exists():
            for older in _KEPT.glob("deployd-*"):
                older.unlink()
            build = _ROOT / "packaging/single_file/build.py"
            argv = [sys.executable, str(build), str(made)]
            done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=_MAKE_SECONDS, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    return made


def newer(file: Path, target: Path) -> Path:
    """The same deployd under another name, which is all by which the starter knows another version."""
    content = file.read_bytes()
    name = re.search(rb"^id=(\S+)$", content, re.MULTILINE)
    assert name is not None
    target.write_bytes(content.replace(name[0], b"id=" + b"9" * len(name[1]), 1))
    target.chmod(0o755)
    return target


def _state_of_the_sources() -> str:
    found = [_ROOT / name for name in _FILES]
    for folder in _SOURCES:
        found += [path for path in (_ROOT / folder).rglob("*") if path.is_file() and not _LEFT_OUT & set(path.parts)]
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(f"{path.relative_to(_ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
