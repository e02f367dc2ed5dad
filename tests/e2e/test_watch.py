"""After a switch of a whole deployd: a release that fails with its traffic loses it again, a good one keeps it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deployd.domain.canary_verdict import FEWEST_ERRORS
from tests.e2e.test_canary import deployed, instances, until_gone, version
from tests.support.daemon import Daemon, running_daemon
from tests.support.load import constant_load
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


_PROCFILE = {"Procfile": "web: python3 main.py\njobs: sleep 600\n"}


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with running_daemon(tmp_path, watch_seconds=60) as daemon:
        yield daemon


async def states(daemon: Daemon) -> dict[int, str]:
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    return {one["release"]: one["state"] for one in body["instances"]}


async def test_a_release_that_fails_right_after_the_switch_is_swapped_back(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    _, before = await daemon.api("GET", "/api/v1/apps/app/instances")
    async with constant_load(daemon.http_port, "app.test") as load:
        write(repo, version("v2", broken=True), "Broken")
        deployment = await daemon.deploy("app")
        assert deployment["outcome"] in ("live", "reverted")
        reverted = await until_gone(daemon, deployment["id"])
        failures = len(load.failures)
        await load.one_more()
    assert "were answered with errors by v2, so traffic went back to" in reverted["reason"]
    assert failures >= 10
    assert set(load.failures) == {"500 v2"}
    assert await daemon.get("app.test") == (200, "v1")
    _, after = await daemon.api("GET", "/api/v1/apps/app/instances")
    assert [(one["pid"], one["state"]) for one in after["instances"]] == [(before["instances"][0]["pid"], "running")]
    _, app = await daemon.api("GET", "/api/v1/apps/app")
    assert (app["release"], app["latest"]["outcome"]) == (1, "reverted")


async def test_a_swap_back_comes_later_too(daemon: Daemon, tmp_path: Path) -> None:
    """Without traffic while it drained, the deployment went live."""
    repo = await deployed(daemon, tmp_path / "app")
    write(repo, version("v2", broken=True), "Broken")
    deployment = await daemon.deploy("app")
    assert deployment["outcome"] == "live"
    assert await states(daemon) == {1: "warm", 2: "running"}
    assert any(text.startswith("Switched: 0 of ") for text in await daemon.log_texts("app"))
    for _ in range(FEWEST_ERRORS):  # None of them can come after the verdict.
        assert (await daemon.get("app.test"))[0] == 500
    reverted = await until_gone(daemon, deployment["id"])
    assert reverted["reason"].startswith("10 of 11 requests (90.9 %) were answered with errors by v2")
    assert await states(daemon) == {1: "running"}
    _, events = await daemon.api("GET", "/api/v1/events?limit=50&app=app")
    assert [event["type"] for event in events["events"]].count("deployment.reverted") == 1


async def test_what_is_warm_stops_when_something_newer_starts_or_deployd_does(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    write(repo, version("v2"), "Second")
    await daemon.deploy("app")
    assert await states(daemon) == {1: "warm", 2: "running"}
    write(repo, version("v3"), "Third")
    await daemon.deploy("app")
    assert await states(daemon) == {2: "warm", 3: "running"}
    await daemon.kill()
    await daemon.start()
    assert await states(daemon) == {3: "running"}
    assert await daemon.get("app.test") == (200, "v3")
    write(repo, version("v4"), "Fourth")
    await daemon.deploy("app")
    assert await states(daemon) == {3: "warm", 4: "running"}
    assert (await daemon.api("POST", "/api/v1/apps/app/stop", {}))[0] == 204
    assert await states(daemon) == {}


async def test_a_watch_that_saw_nothing_wrong_ends_and_says_so(tmp_path: Path) -> None:
    async with running_daemon(tmp_path, watch_seconds=0.5) as daemon:
        repo = await deployed(daemon, tmp_path / "app")
        write(repo, version("v2"), "Second")
        deployment = await daemon.deploy("app")
        async with asyncio.timeout(20):
            while await instances(daemon) != {2}:
                await asyncio.sleep(0.05)
        said = "v1 is no longer kept ready: 0 of 1 requests since the switch were answered with errors."
        await daemon.until_logged("app", said)
        _, now = await daemon.api("GET", f"/api/v1/deployments/{deployment['id']}")
        assert now["outcome"] == "live"


async def rolled_back(daemon: Daemon, **order: int) -> dict[str, Any]:
    status, body = await daemon.api("POST", "/api/v1/apps/app/rollback", order)
    assert status == 202, body
    return await daemon.ended(body["id"])


async def running(daemon: Daemon) -> dict[tuple[int, str, str], int]:
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    return {(one["release"], one["process"], one["state"]): one["pid"] for one in body["instances"]}


async def test_a_rollback_within_the_watch_goes_to_the_warm_instances(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(version("v1") | _PROCFILE, tmp_path / "app")
    await daemon.create_app("app", str(repo), health="/up")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    async with constant_load(daemon.http_port, "app.test") as load:
        write(repo, version("v2") | _PROCFILE, "Second")
        assert (await daemon.deploy("app"))["outcome"] == "live"
        before = await running(daemon)
        back = await rolled_back(daemon)
        assert (back["outcome"], back["release"], back["switch"]["failed"]) == ("live", 1, 0)
        assert await daemon.get("app.test") == (200, "v1")
        after = await running(daemon)
        assert set(after) == {(1, "web.1", "running"), (1, "jobs.1", "running"), (2, "web.1", "warm")}
        assert after[1, "web.1", "running"] == before[1, "web.1", "warm"]
        assert after[2, "web.1", "warm"] == before[2, "web.1", "running"]
        forth = await rolled_back(daemon, release=2)
        assert (forth["outcome"], forth["release"]) == ("live", 2)
        assert (await running(daemon))[2, "web.1", "running"] == before[2, "web.1", "running"]
        await load.one_more()
    assert load.failures == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_warm_instance_that_does_not_answer_is_replaced(
    daemon: Daemon, tmp_path: Path, number: signal.Signals
) -> None:
    repo = repo_with(version("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo), health="/up", processes={"web": 2})
    assert (await daemon.deploy("app"))["outcome"] == "live"
    write(repo, version("v2"), "Second")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    before = await running(daemon)
    os.kill(before[1, "web.1", "warm"], number)
    back = await rolled_back(daemon)
    assert (back["outcome"], back["release"]) == ("live", 1)
    after = await running(daemon)
    assert {key for key, _ in after.items() if key[0] == 1} == {(1, "web.1", "running"), (1, "web.2", "running")}
    assert after[1, "web.2", "running"] == before[1, "web.2", "warm"]
    assert after[1, "web.1", "running"] != before[1, "web.1", "warm"]
    assert {await daemon.get("app.test") for _ in range(6)} == {(200, "v1")}
