"""Real tools of the real registries, on a host that has neither node nor npm of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.host import Host
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|error sending request|dns error|no answer", re.I)
WANTED = (
    Tool(name="node", wanted="22.11.0"),
    Tool(name="npm"),
    Tool(name="pnpm", wanted="9.15.9"),
    Tool(name="bun", wanted="^1.2"),
)


async def test_node_pnpm_and_bun_are_installed_and_run_where_they_are(tmp_path: Path) -> None:
    folder, bare = tmp_path / "toolchains", tmp_path / "bare"
    bare.mkdir()
    environ = registry_env(os.environ)
    workshop = Workshop(pass_env=environ, toolchains=folder)
    tools = InstalledToolchains(folder, workshop, env=environ, host=Host(str(bare), (str(bare),)))
    tools.open()
    said: list[str] = []
    try:
        provided = await tools.provide(WANTED, said.append)
    except BuildFailed as failure:
        if UNREACHABLE.search(str(failure)) and os.environ.get("CI") != "true":
            pytest.skip("no package registry can be reached from here")
        raise AssertionError("\n".join([str(failure), *said])) from failure
    node, npm, pnpm, bun = provided
    path = ":".join([*map(str, tools.programs(provided)), "/usr/bin", "/bin"])
    for tool in provided:
        assert printed(tool.name, path, tmp_path) == f"{'v' if tool is node else ''}{tool.version}"
    assert (node.version, pnpm.version) == ("22.11.0", "9.15.9")
    assert (npm.version.split(".")[0], npm.place) == ("10", node.place)
    assert bun.place == f"bun/{bun.version}/bin"


def printed(program: str, path: str, folder: Path) -> str:
    env = {"PATH": path, "HOME": str(folder), "TMPDIR": str(folder)}
    step = [program, "--version"]
    done = subprocess.run(["env", *step], env=env, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()
