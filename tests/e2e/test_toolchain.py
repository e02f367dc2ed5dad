"""A tool fetched by command, from a registry on loopback, by a deployd that runs."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, running_daemon
from tests.support.npm_registry import npm_registry

pytestmark = pytest.mark.e2e


async def test_a_tool_is_fetched_ahead_of_its_first_build_and_a_missing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin") is None and os.environ.get("CI") != "true":
        pytest.skip("npm is not installed")
    async with npm_registry() as registry:
        registry.add("pnpm", "9.1.0", "9.15.9", program="pnpm")
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.url)
        # Builds and their tools do not reach a registry on the loopback unless that is said.
        async with running_daemon(tmp_path, apps_toml='build_network = "host"') as daemon:
            assert await command(daemon, "pnpm", "9.15.9") == (
                0,
                "Installing pnpm 9.15.9.\nBuilds can use pnpm 9.15.9.\n",
            )
            assert (tmp_path / "data/toolchains/pnpm/9.15.9/bin/pnpm").exists()
            code, said = await command(daemon, "pnpm", "7")
            assert code != 0
            assert said.startswith("This project needs pnpm 7, ")
            assert (await command(daemon, "uv"))[1].startswith("Builds can use uv 0.")


async def command(daemon: Daemon, *words: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "deployd", "toolchain", "add", *words, "--config", str(daemon.config)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr
