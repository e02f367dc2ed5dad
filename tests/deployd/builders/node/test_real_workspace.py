"""A workspace built for real with this host's npm; all its packages are its own, so that no registry is needed."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from deployd.builders.builder import SandboxedBuilder
from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildPlan, BuildWishes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LINKS = {
    "node_modules/lib": ("lib", True),
    "node_modules/app": ("app", True),
    "lib": ("lib", False),
    "app": ("app", False),
}
FILES = {
    "package.json": {
        "name": "top", "private": True, "workspaces": ["lib", "app"],
        "scripts": {"postinstall": "touch top"},
    },
    "lib/package.json": {
        "name": "lib", "version": "1.0.0", "main": "made.js", "scripts": {"build": "cp source.js made.js"},
    },
    "app/package.json": {
        "name": "app", "version": "1.0.0", "dependencies": {"lib": "1.0.0"},
        "scripts": {"build": "node -e \"require('lib')\"", "start": "node index.js"},
    },
    "package-lock.json": {
        "name": "top", "lockfileVersion": 3,
        "packages": {
            "": {"name": "top", "workspaces": ["lib", "app"], "hasInstallScript": True},
            **{f"node_modules/{folder}": {"resolved": folder, "link": True} for folder in ("lib", "app")},
            "lib": {"version": "1.0.0"},
            "app": {"version": "1.0.0", "dependencies": {"lib": "1.0.0"}},
        },
    },
}  # fmt: skip


def lay_out(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    (folder / "lib/source.js").write_text("module.exports = 'hello'")
    (folder / "app/index.js").write_text("console.log(require('lib'))")


async def build(folder: Path) -> BuildPlan:
    workshop = Workshop(toolchains=folder.parent / "toolchains")
    builder = SandboxedBuilder(workshop, InstalledToolchains(folder.parent / "toolchains", workshop))
    said: list[str] = []
    plan = detect(list_project(folder), BuildWishes())
    return await builder.build(folder, plan, {}, folder.parent / "cache", said.append)


async def test_a_package_of_a_workspace_is_built_after_what_it_needs_and_runs(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is not installed")
        pytest.skip("npm is not installed")
    project = tmp_path / "project"
    lay_out(project)
    plan = await build(project)
    assert plan.root == "app"
    assert (project / "top").exists()
    process = await asyncio.create_subprocess_shell(
        plan.processes["web"], cwd=project / plan.root, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert out == b"hello\n"
