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
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.host_only import HostTools
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
    builder = SandboxedBuilder(Workshop(pass_env=registry_env(os.environ)), HostTools(), timeout_seconds=240)
    plan = await builder.plan(folder, BuildWishes())
    try:
        await builder.build(folder, plan, {}, cache, said.append)
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


async def test_unchanged_packages_are_copied_and_give_the_same_artifact(tmp_path: Path) -> None:
    first, digest = await build("fastapi-app", tmp_path / "one", tmp_path / "cache")
    second, again = await build("fastapi-app", tmp_path / "two", tmp_path / "cache")
    assert any("fastapi" in line and line.strip().startswith("+") for line in first)
    assert not any(line.strip().startswith("+") for line in second)
    assert again == digest
