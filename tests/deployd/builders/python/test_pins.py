"""Lockfiles of other tools, read by the very step that reads them in a build."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deployd.builders.python.pins import read_pins

POETRY = """
[[package]]
name = "idna"
version = "3.10"
groups = ["main"]
files = [{file = "a.whl", hash = "sha256:aa"}, {file = "a.tar.gz", hash = "sha256:bb"}]

[[package]]
name = "pywin32"
version = "312"
markers = "sys_platform == 'win32'"
files = [{file = "b.whl", hash = "sha256:cc"}]

[[package]]
name = "shop"
version = "1.0"
files = []
[package.source]
type = "git"
url = "https://example.com/shop.git"
reference = "main"
resolved_reference = "0123abc"

[[package]]
name = "local"
version = "1.0"
files = []
[package.source]
type = "directory"
url = "libs/local"

[[package]]
name = "numpy"
version = "1.26.4"
files = []

[[package]]
name = "numpy"
version = "2.2.0"
files = []

[metadata]
lock-version = "2.1"
"""
OLDER = """
[[package]]
name = "idna"
version = "3.10"

[metadata.files]
idna = [{file = "a.whl", hash = "sha256:aa"}]
"""
PDM = """
[[package]]
name = "idna"
version = "3.10"
marker = "python_version >= '3.8'"
files = [{file = "a.whl", hash = "sha256:aa"}]

[[package]]
name = "idna"
version = "3.10"
extras = ["all"]
marker = "python_version >= '3.8'"

[[package]]
name = "shop"
version = "1.0"
git = "https://example.com/shop.git"
ref = "main"
revision = "0123abc"

[[package]]
name = "local"
version = "1.0"
path = "./libs/local"
"""
PIPENV = json.dumps(
    {
        "default": {
            "idna": {"hashes": ["sha256:aa"], "markers": "python_version >= '3.8'", "version": "==3.10"},
            "shop": {"git": "https://example.com/shop.git", "ref": "0123abc"},
            "local": {"path": "./libs/local"},
        },
        "develop": {"pytest": {"version": "==8.0"}},
    }
)
IN_GIT = "shop @ git+https://example.com/shop.git@0123abc\n"
CASES = {
    "poetry.lock": (
        POETRY,
        "idna==3.10 --hash=sha256:aa --hash=sha256:bb\npywin32==312 ; sys_platform == 'win32' --hash=sha256:cc\n",
        IN_GIT,
    ),
    "older/poetry.lock": (OLDER, "idna==3.10 --hash=sha256:aa\n", ""),
    "pdm.lock": (PDM, "idna==3.10 ; python_version >= '3.8' --hash=sha256:aa\n", IN_GIT),
    "Pipfile.lock": (PIPENV, "idna==3.10 ; python_version >= '3.8' --hash=sha256:aa\n", IN_GIT),
}


@pytest.mark.parametrize("name", CASES)
def test_versions_and_hashes_become_constraints_and_places_in_git_override(name: str, tmp_path: Path) -> None:
    text, pins, in_git = CASES[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / ".venv").mkdir()
    words = shlex.split(read_pins(name))
    subprocess.run([sys.executable, *words[words.index("python") + 1 :]], cwd=tmp_path, check=True, timeout=30)
    assert (tmp_path / ".venv/pins.txt").read_text() == pins
    assert (tmp_path / ".venv/pins-git.txt").read_text() == in_git
