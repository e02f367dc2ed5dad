"""The example apps, built for real, packed, and run from another folder than the one they were built in."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.builders.builder import SandboxedBuilder
from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildWishes
from deployd.domain.errors import BuildFailed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|error sending request|dns error", re.I)
CHECKS = {
    "express-app": ["node", "-e", "console.log(typeof require('express'))"],
    "fastapi-app": [".venv/bin/uvicorn", "--version"],
}


async def build(example: str, folder: Path, cache: Path) -> tuple[list[str], str]:
    """What the build said, and the digest of the packed result."""
    said: list[str] = []
    shutil.copytree(EXAMPLES / example, folder)
    workshop = Workshop(pass_env=registry_env(os.environ), toolchains=folder.parent / "toolchains")
    toolchains = InstalledToolchains(folder.parent / "toolchains", workshop)
    builder = SandboxedBuilder(workshop, toolchains, timeout_seconds=240)
    plan = detect(list_project(folder), BuildWishes())
    try:
        await builder.build(folder, plan, {}, cache, said.append)
        await builder.settle(cache)
    except BuildFailed as failure:
        if UNREACHABLE.search("\n".join(said)) and os.environ.get("CI") != "true":
            pytest.skip("no package registry can be reached from here")
        raise AssertionError("\n".join([str(failure), *said])) from failure
    return said, await LocalArtifacts(folder.parent / "store").pack(folder)


@pytest.mark.parametrize("example", ["express-app", "fastapi-app"])
async def test_an_example_is_built_and_works_where_it_is_unpacked(example: str, tmp_path: Path) -> None:
    _, digest = await build(example, tmp_path / "project", tmp_path / "cache")
    release = tmp_path / "release"
    await LocalArtifacts(tmp_path / "store").unpack(digest, release)
    shutil.rmtree(tmp_path / "project")
    await asyncio.to_thread(subprocess.run, CHECKS[example], cwd=release, check=True, timeout=60)


@pytest.mark.parametrize("example", ["express-app", "fastapi-app"])
async def test_unchanged_packages_are_taken_over_and_give_the_same_artifact(example: str, tmp_path: Path) -> None:
    first, digest = await build(example, tmp_path / "one", tmp_path / "cache")
    second, again = await build(example, tmp_path / "two", tmp_path / "cache")
    taken_over = "The packages are taken over from an earlier build: nothing that decides them has changed."
    assert taken_over not in first
    assert taken_over in second
    assert again == digest
