"""Every kind of lockfile, installed by uv in the sandbox, and used in another folder than it was built in."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import uv

from deployd.builders.builder import SandboxedBuilder
from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildWishes
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.python.plans import Files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

UNREACHABLE = re.compile(r"error sending request|dns error|connection refused|timed out", re.I)
HASH = "sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3"
LOCK = '[[package]]\nname = "idna"\nversion = "3.10"\nfiles = [{file = "idna-3.10-py3-none-any.whl", hash = "HASH"}]\n'
PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["idna>=2"]\n'
POETRY = '[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = ">=3.9"\nidna = "*"\n'
MAIN = "import idna, shop.name\nprint(idna.__version__, shop.name.NAME)\n"
PIPENV = json.dumps({"default": {"idna": {"version": "==3.10", "hashes": [HASH]}}})
BACKEND = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'

PROJECTS: dict[str, Files] = {
    "uv.lock": {"pyproject.toml": PROJECT.replace(">=2", "==3.10") + BACKEND},
    "poetry.lock": {"pyproject.toml": POETRY, "poetry.lock": LOCK.replace("HASH", HASH)},
    "pdm.lock": {"pyproject.toml": PROJECT, "pdm.lock": LOCK.replace("HASH", HASH)},
    "Pipfile.lock": {"Pipfile": '[packages]\nidna = "*"\n', "Pipfile.lock": PIPENV},
    "requirements.txt": {"requirements.txt": "-e .\nidna==3.10\n", "pyproject.toml": PROJECT + BACKEND},
    "setup.py": {
        "setup.py": "import setuptools\nsetuptools.setup(packages=['shop'], install_requires=['idna==3.10'])\n"
    },
}


async def build(files: Files, folder: Path) -> list[str]:
    """What the build said. Skips when there is no registry to install from."""
    project = folder / "project"
    for name, text in {**files, "main.py": MAIN, "src/shop/name.py": "NAME = 'shop'\n"}.items():
        place = "shop/name.py" if name.startswith("src/") and "setup.py" in files else name
        (project / place).parent.mkdir(parents=True, exist_ok=True)
        (project / place).write_text(text)
    said: list[str] = []
    workshop = Workshop(pass_env=registry_env(os.environ), toolchains=folder / "toolchains")
    builder = SandboxedBuilder(workshop, InstalledToolchains(folder / "toolchains", workshop), timeout_seconds=240)
    try:
        await builder.build(project, detect(list_project(project), BuildWishes()), {}, folder / "cache", said.append)
    except BuildFailed as failure:
        if UNREACHABLE.search("\n".join(said)) and os.environ.get("CI") != "true":
            pytest.skip("no package registry can be reached from here")
        raise BuildFailed("\n".join([str(failure), *said])) from failure
    return said


def locked_by_uv(folder: Path, files: Files) -> Files:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(files["pyproject.toml"])
    done = subprocess.run([uv.find_uv_bin(), "lock"], cwd=folder, capture_output=True, text=True, timeout=120)
    if UNREACHABLE.search(done.stderr) and os.environ.get("CI") != "true":
        pytest.skip("no package registry can be reached from here")
    assert done.returncode == 0, done.stderr
    return {**files, "uv.lock": (folder / "uv.lock").read_text()}


@pytest.mark.parametrize("name", PROJECTS)
async def test_what_is_locked_is_installed_and_works_where_it_is_moved(name: str, tmp_path: Path) -> None:
    files = PROJECTS[name]
    if name == "uv.lock":
        files = await asyncio.to_thread(locked_by_uv, tmp_path / "locking", files)
    await build(files, tmp_path)
    release = tmp_path / "release"
    shutil.move(tmp_path / "project", release)
    installed = not any(lock in files for lock in ("poetry.lock", "pdm.lock", "Pipfile.lock"))
    env = {"PATH": f"{release}/.venv/bin:/usr/bin:/bin", **({} if installed else {"PYTHONPATH": "src"})}
    done = await asyncio.to_thread(
        subprocess.run, ["python", "main.py"], cwd=release, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "3.10 shop\n", done.stderr


async def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "poetry.lock": LOCK.replace("HASH", f"sha256:{'0' * 64}")}
    with pytest.raises(BuildFailed, match="Hash mismatch"):
        await build(files, tmp_path)
