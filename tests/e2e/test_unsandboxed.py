"""On a host without bubblewrap builds are refused, unless deployd.toml says otherwise; both are told everywhere."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.repos import repo_with

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root hides a program from one process alone"),
]

HIDDEN = ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$(command -v bwrap)" && exec "$@"', "sh")
STEPS = {"index.html": "built", ".deployd.toml": '[build]\nbuild = "cat ../../master.key > key.html; true"\n'}
REFUSED = "Builds with steps are refused, since this host cannot sandbox them (bubblewrap is not installed)"
OPEN = "Builds are not sandboxed ([deploy] unsandboxed = true; bubblewrap is not installed)"


async def told(daemon: Daemon, sentence: str) -> list[str]:
    """Where that is said: once the host has been looked at."""
    async with asyncio.timeout(10):
        while not any(sentence in warning for warning in (await daemon.api("GET", "/readyz"))[1]["warnings"]):
            await asyncio.sleep(0.05)
    _, status = await daemon.api("GET", "/api/v1/status")
    shown = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deployd", "status", "--config", str(daemon.config), stdout=asyncio.subprocess.PIPE
    )
    output = " ".join((await shown.communicate())[0].decode().split())
    places = {
        "api": any(sentence in warning for warning in status["warnings"]),
        "cli": sentence in output,
        "log": any(sentence in line for line in await daemon.log_texts("deployd")),
    }
    return [place for place, found in places.items() if not found]


async def test_builds_are_refused_where_nothing_can_shut_them_in_unless_that_is_wished(tmp_path: Path) -> None:
    """Such a build read the master key, and only its own log said that it could."""
    daemon = Daemon(tmp_path)
    site, steps = repo_with({"index.html": "as it is"}, tmp_path / "site"), repo_with(STEPS, tmp_path / "steps")
    await daemon.start(wrapper=HIDDEN)
    try:
        await daemon.create_app("site", str(site))
        await daemon.create_app("steps", str(steps))
        assert await told(daemon, REFUSED) == []
        refused = await daemon.deploy("steps")
        assert refused["outcome"] == "failed"
        assert refused["reason"].startswith(REFUSED)
        assert (await daemon.deploy("site"))["outcome"] == "live"
    finally:
        await daemon.stop()
    daemon.write_config("unsandboxed = true")
    await daemon.start(wrapper=HIDDEN)
    try:
        assert await told(daemon, OPEN) == []
        assert (await daemon.deploy("steps"))["outcome"] == "live"
        assert any(OPEN in line for line in await daemon.log_texts("steps"))
    finally:
        await daemon.remove_all()
        await daemon.stop()
