"""Maintenance and pauses of a whole deployd."""

import asyncio
from pathlib import Path

import pytest

from deployd.proxy.door.password import hash_password
from tests.e2e.test_redeploys import files
from tests.support.daemon import Daemon
from tests.support.load import constant_load
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MAINTENANCE = "/api/v1/apps/app/maintenance"


async def test_maintenance_outlives_a_redeploy_an_edit_and_a_restart(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo), health="/up")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    status, shown = await daemon.api("PUT", MAINTENANCE, {"text": "Back at ten."})
    assert (status, shown["maintenance"]) == (200, "Back at ten.")
    assert await closed(daemon)

    write(repo, files("v2"), "Second version")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    assert await closed(daemon)
    assert await daemon.get("app.test", "/up") == (200, "v2")

    status, _ = await daemon.api("PATCH", "/api/v1/apps/app", {"branch": "main"})
    assert status == 200
    assert await closed(daemon)

    await daemon.stop()
    await daemon.start()
    assert await closed(daemon)
    assert (await daemon.api("GET", "/api/v1/apps/app"))[1]["maintenance"] == "Back at ten."

    status, shown = await daemon.api("DELETE", MAINTENANCE)
    assert (status, shown["maintenance"]) == (200, None)
    assert await daemon.get("app.test") == (200, "v2")


async def closed(daemon: Daemon) -> bool:
    status, text = await daemon.get("app.test")
    return status == 503 and "Back at ten." in text


async def test_an_app_behind_all_its_doors_is_deployed_nevertheless(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app(
        "app", str(repo), health="/up",
        proxy={"basic_auth": {"me": hash_password(b"secret")}, "allow": ["192.0.2.1"], "canonical": "b.test"},
    )  # fmt: skip
    await daemon.api("PUT", MAINTENANCE, {})
    assert (await daemon.deploy("app"))["outcome"] == "live"
    assert (await daemon.get("app.test"))[0] == 403


async def test_a_text_that_cannot_be_shown_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    await daemon.create_app("app", str(repo_with(files("v1"), tmp_path / "app")))
    for text in ("", " ", "two\nlines", "x" * 501):
        status, problem = await daemon.api("PUT", MAINTENANCE, {"text": text})
        assert (status, "one line" in problem["detail"]) == (400, True)
    assert (await daemon.api("PUT", "/api/v1/apps/ghost/maintenance", {}))[0] == 404


async def test_a_pause_under_load_fails_no_request(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    async with constant_load(daemon.http_port, "app.test") as load:
        assert (await daemon.api("POST", "/api/v1/apps/app/pause", {"seconds": 30}))[0] == 204
        write(repo, files("v2"), "Second version")
        assert (await daemon.deploy("app"))["outcome"] == "live"
        paused = load.total
        async with asyncio.timeout(10):
            while True:
                status, report = await daemon.api("POST", "/api/v1/apps/app/resume", {})
                if report.get("held") == 8:
                    break
                await daemon.api("POST", "/api/v1/apps/app/pause", {})
        await load.one_more()
        assert load.total > paused
    assert status == 200
    assert load.failures == []
    assert set(load.answers) == {"v1", "v2"}
