"""One deployment at a time, each with exactly one outcome."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_redeploys import files
from tests.support.daemon import Daemon
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def reach(daemon: Daemon, deployment: str, before: str, stage: str) -> None:
    while True:
        _, body = await daemon.api("GET", f"/api/v1/deployments/{deployment}?wait=20&after={before}")
        if any(entry["stage"] == stage for entry in body["journal"]):
            return
        assert body["outcome"] is None, body


async def ask(daemon: Daemon, app: str) -> str:
    status, body = await daemon.api("POST", f"/api/v1/apps/{app}/deployments", {})
    assert status == 202
    return str(body["id"])


async def test_a_newer_request_supersedes_the_ones_that_wait(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    first = await ask(daemon, "app")
    await reach(daemon, first, "queued", "fetching")
    asked = [first] + [await ask(daemon, "app") for _ in range(3)]
    outcomes = [(await daemon.ended(one))["outcome"] for one in asked]
    assert outcomes == ["live", "superseded", "superseded", "live"]


async def test_cancel_during_the_health_gate_leaves_the_old_release_serving(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("old"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    write(repo, {"main.py": "import time\ntime.sleep(600)"}, "Never answers")
    deployment = await ask(daemon, "app")
    await reach(daemon, deployment, "starting", "checking")
    status, _ = await daemon.api("POST", f"/api/v1/deployments/{deployment}/cancel", {})
    assert status == 200
    assert (await daemon.ended(deployment))["outcome"] == "cancelled"
    assert await daemon.get("app.test") == (200, "old")
    write(repo, files("new"), "Answers again")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    assert await daemon.get("app.test") == (200, "new")
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    assert len(body["instances"]) == 1


async def test_cancel_during_the_build_kills_it(daemon: Daemon, tmp_path: Path) -> None:
    package = '{"name": "slow", "scripts": {"build": "sleep 300", "start": "node server.js"}}'
    repo = repo_with({"package.json": package, "server.js": ""}, tmp_path / "app")
    await daemon.create_app("app", str(repo))
    deployment = await ask(daemon, "app")
    await reach(daemon, deployment, "detecting", "building")
    await daemon.api("POST", f"/api/v1/deployments/{deployment}/cancel", {})
    assert (await daemon.ended(deployment))["outcome"] == "cancelled"


async def test_secrets_never_reach_the_log(daemon: Daemon, tmp_path: Path) -> None:
    source = files("v1")["main.py"].replace(
        "server.serve_forever()", "print(os.environ['API_TOKEN']); server.serve_forever()"
    )
    repo = repo_with(
        {"main.py": source, "Procfile": "web: python3 main.py\nrelease: echo $API_TOKEN\n"}, tmp_path / "app"
    )
    await daemon.create_app("app", str(repo))
    status, _ = await daemon.api("PATCH", "/api/v1/apps/app/env", {"API_TOKEN": "planted-secret-value"})
    assert status == 200
    assert (await daemon.deploy("app"))["outcome"] == "live"
    await daemon.until_logged("app", "[redacted]", 2)
    for file in (daemon.folder / "data").glob("*.db*"):
        assert b"planted-secret-value" not in file.read_bytes()


_TELLS = """
import os, signal, sys
def tell(*_):
    print(os.environ["API_TOKEN"], flush=True)
def die(*_):
    sys.exit("cannot log in with " + os.environ["API_TOKEN"])
signal.signal(signal.SIGUSR1, tell)
signal.signal(signal.SIGUSR2, die)
"""


async def test_secrets_of_an_app_that_outlived_deployd_never_reach_the_log_or_an_event(
    daemon: Daemon, tmp_path: Path
) -> None:
    repo = repo_with(
        {"main.py": _TELLS + files("v1")["main.py"], "Procfile": "web: python3 main.py\n"}, tmp_path / "app"
    )
    await daemon.create_app("app", str(repo))
    await daemon.api("PATCH", "/api/v1/apps/app/env", {"API_TOKEN": "planted-secret-value"})
    assert (await daemon.deploy("app"))["outcome"] == "live"
    await daemon.kill()
    await daemon.start()
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    (instance,) = body["instances"]
    os.kill(instance["pid"], signal.SIGUSR1)
    await daemon.until_logged("app", "[redacted]")
    os.kill(instance["pid"], signal.SIGUSR2)
    async with asyncio.timeout(30):
        while not (crashes := await _crashes(daemon)):
            await asyncio.sleep(0.05)
    assert crashes[0]["data"]["last_lines"].endswith("cannot log in with [redacted]")
    for file in (daemon.folder / "data").glob("*.db*"):
        assert b"planted-secret-value" not in file.read_bytes()


async def _crashes(daemon: Daemon) -> list[dict[str, Any]]:
    _, body = await daemon.api("GET", "/api/v1/events?limit=50")
    return [event for event in body["events"] if event["type"] == "instance.crashed"]


async def test_stop_closes_the_route_and_restart_opens_it(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    assert (await daemon.api("POST", "/api/v1/apps/app/stop", {}))[0] == 204
    assert (await daemon.get("app.test"))[0] == 503
    assert (await daemon.api("GET", "/api/v1/apps/app/instances"))[1]["instances"] == []
    status, body = await daemon.api("POST", "/api/v1/apps/app/restart", {})
    assert status == 202
    assert (await daemon.ended(body["id"]))["outcome"] == "live"
    assert await daemon.get("app.test") == (200, "v1")


async def test_removing_an_app_leaves_nothing_behind(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    assert (await daemon.api("DELETE", "/api/v1/apps/app"))[0] == 204
    assert (await daemon.get("app.test"))[0] == 404
    data = daemon.folder / "data"
    for name in ("mirrors", "builds", "releases", "instances", "artifacts", "caches"):
        left = [path for path in (data / name).rglob("*") if path.is_file()]
        assert left == [], left
    assert (await daemon.api("GET", "/api/v1/apps/app"))[0] == 404


async def test_a_host_that_another_app_has_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "x"}, tmp_path / "app")
    await daemon.create_app("one", str(repo), domains=["www.example.test"])
    order = {"name": "two", "repo": str(repo), "domains": ["www.example.test"]}
    status, body = await daemon.api("POST", "/api/v1/apps", order)
    assert status == 400 or status == 422
    assert "belongs to app 'one'" in body["detail"]
    assert (await daemon.api("GET", "/api/v1/apps/two"))[0] == 404
