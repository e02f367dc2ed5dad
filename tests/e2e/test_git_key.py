"""A private repository comes with a key of the app's own, which is for git alone."""

import os
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.repos import repo_with
from tests.support.ssh_git import serve_over_ssh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_FILES = {"Procfile": "web: env > running.txt; exec python3 -m http.server $PORT --bind 127.0.0.1\n"}


async def test_neither_the_build_nor_the_app_is_given_the_key_that_fetched_it(tmp_path: Path) -> None:
    repo_with(_FILES, tmp_path / "served" / "shop")
    ssh = serve_over_ssh(tmp_path / "ssh", tmp_path / "served")
    key = ssh.lock_out()
    daemon = Daemon(tmp_path)
    await daemon.start(wrapper=("env", f"PATH={ssh.programs}:{os.environ['PATH']}"))
    try:
        await daemon.create_app("shop", ssh.url("shop"), build={"build": "env > built.txt"})
        refused = await daemon.deploy("shop")
        assert "DEPLOYD_GIT_KEY" in refused["reason"]
        await daemon.api("PATCH", "/api/v1/apps/shop/env", {"DEPLOYD_GIT_KEY": key, "GREETING": "hello"})
        assert (await daemon.deploy("shop"))["outcome"] == "live"
        for moment in ("built", "running"):
            _, env = await daemon.get("shop.test", f"/{moment}.txt")
            assert "GREETING=hello\n" in env
            assert "DEPLOYD_GIT_KEY" not in env
        _, shown = await daemon.api("GET", "/api/v1/apps/shop/env")
        assert shown["values"]["DEPLOYD_GIT_KEY"]["value"] is None
    finally:
        await daemon.remove_all()
        await daemon.stop()
