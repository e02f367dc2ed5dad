"""Rows that cannot be read, as a newer deployd, a bad disk or a hand may leave them."""

import asyncio
import sqlite3
from pathlib import Path

import psutil
import pytest

from tests.e2e.test_redeploys import files
from tests.support.daemon import Daemon
from tests.support.repos import repo_with

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

_APPS = ("good", "settings", "route", "release", "deployment", "instance", "env")
_BREAK = """
PRAGMA ignore_check_constraints = ON;
UPDATE apps SET settings = '{"repo": "/x", "colour": "of a newer deployd"}' WHERE name = 'settings';
UPDATE routes SET route = '{half' WHERE app = 'route';
UPDATE releases SET plan = '[]' WHERE app = 'release';
UPDATE deployments SET "trigger" = 'boredom' WHERE app = 'deployment';
UPDATE instances SET state = 'asleep' WHERE app = 'instance';
UPDATE env_versions SET sealed = zeroblob(40) WHERE app = 'env';
UPDATE events SET type = 'app.dreamt' WHERE app = 'good';
INSERT INTO tokens (name, hash, created_ms) VALUES ('token', 'hash', 'yesterday');
INSERT INTO certificate_orders (name, directory, state, failures, try_ms, url, sealed_key, reason, changed_ms)
VALUES ('c.test', '', 'confused', 0, 0, NULL, NULL, NULL, 0);
INSERT INTO certificates (name, directory, names, chain, sealed_key, not_before_ms, not_after_ms, renew_ms, ask_ms)
VALUES ('d.test', '', '{', '', zeroblob(40), 0, 0, 0, 0);
"""


def _break(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.executescript(_BREAK)
    connection.close()


async def test_broken_rows_are_told_of_stop_nothing_else_and_can_be_removed(daemon: Daemon, tmp_path: Path) -> None:
    static = repo_with({"index.html": "hello"}, tmp_path / "static")
    server = repo_with(files("v1"), tmp_path / "server")
    for name in _APPS:
        await daemon.create_app(name, str(server if name in ("good", "instance", "env") else static))
    for name in ("good", "env"):
        assert (await daemon.api("PATCH", f"/api/v1/apps/{name}/env", {"A": "b"}))[0] < 300
    async with asyncio.TaskGroup() as group:
        deployments = [group.create_task(daemon.deploy(name)) for name in _APPS]
    assert [one.result()["outcome"] for one in deployments] == ["live"] * len(_APPS)
    running = psutil.Process((await daemon.api("GET", "/api/v1/apps/instance/instances"))[1]["instances"][0]["pid"])
    await daemon.stop()
    _break(tmp_path / "data" / "deployd.db")
    await daemon.start()

    status, listed = await daemon.api("GET", "/api/v1/apps")
    assert status == 200
    assert set(listed["broken"]) == {"settings", "route"}
    assert "deployd remove settings" in listed["broken"]["settings"]
    assert {app["name"] for app in listed["apps"]} == set(_APPS) - {"settings", "route"}
    for path in ("/events", "/tokens", "/status", *[f"/apps/{name}/{what}" for name in _APPS[2:] for what in LISTS]):
        status, body = await daemon.api("GET", f"/api/v1{path}")
        assert status == 200, (path, body)
    warnings = (await daemon.api("GET", "/readyz"))[1]["warnings"]
    told = [one for one in warnings if "cannot be read from the database" in one]
    for word in (
        "The app settings",
        "The route of route",
        "v1 of release",
        "The deployment",
        "The instance",
        "The env",
    ):
        assert [one for one in told if word in one], (word, told)
    assert (await daemon.api("GET", "/api/v1/apps/settings"))[0] == 409
    assert (await daemon.get("good.test")) == (200, "v1")
    for name in _APPS:
        status, body = await daemon.api("DELETE", f"/api/v1/apps/{name}")
        assert status == 204, (name, body)
    assert (await daemon.api("GET", "/api/v1/apps"))[1] == {"apps": [], "broken": {}}
    assert not running.is_running() or running.status() == psutil.STATUS_ZOMBIE


LISTS = ("deployments", "instances", "releases", "logs")
