"""deployd is killed; the apps are not."""

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.test_redeploys import files
from tests.support.daemon import Daemon
from tests.support.load import constant_load
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_COUNTER = """
import itertools, os, threading, time
from main_server import serve
def count():
    for number in itertools.count():
        os.write(1, f"line {number}\\n".encode())
        time.sleep(0.002)
threading.Thread(target=count, daemon=True).start()
serve()
"""


async def instance_of(daemon: Daemon) -> dict[str, object]:
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    (instance,) = body["instances"]
    return dict(instance)


async def test_after_kill_9_under_load_the_app_lives_and_its_log_is_whole(daemon: Daemon, tmp_path: Path) -> None:
    server = files("v1")["main.py"].replace("server.serve_forever()", "def serve(): server.serve_forever()")
    server = server.replace('print("request", VERSION)', "pass")
    repo = repo_with(
        {"main_server.py": server, "main.py": _COUNTER, "Procfile": "web: python3 main.py\n"}, tmp_path / "app"
    )
    await daemon.create_app("app", str(repo))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    before = await instance_of(daemon)
    async with constant_load(daemon.http_port, "app.test"):
        await daemon.kill()
    os.kill(int(str(before["pid"])), 0)
    await daemon.start()
    assert (await instance_of(daemon))["pid"] == before["pid"]
    assert (await daemon.get("app.test")) == (200, "v1")
    async with asyncio.timeout(30):
        while (lines := await counted(daemon)) is None or lines < 2500:
            await daemon.api("GET", "/api/v1/deployments?wait=0")


async def counted(daemon: Daemon) -> int:
    """How many of the app's numbered lines are stored, which must be an unbroken run from 0."""
    numbers: list[int] = []
    seen: list[str] = []
    after = 0
    while True:
        _, body = await daemon.api("GET", f"/api/v1/apps/app/logs?after={after}&limit=1000")
        if not body["lines"]:
            break
        after = body["lines"][-1]["seq"]
        texts = [line["text"] for line in body["lines"] if line["source"] == "app"]
        seen += texts
        numbers += [int(text.removeprefix("line ")) for text in texts if text.startswith("line ")]
    missing = [number for number, found in enumerate(numbers) if number != found][:1]
    assert missing == [], [text for text in seen if not text.startswith("line ")]
    return len(numbers)


async def test_a_deployment_interrupted_by_kill_9_ends_with_a_reason(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"Procfile": "web: sleep 600\n"}, tmp_path / "app")
    await daemon.create_app("app", str(repo))
    _, body = await daemon.api("POST", "/api/v1/apps/app/deployments", {})
    while True:
        _, watched = await daemon.api("GET", f"/api/v1/deployments/{body['id']}?wait=20&after=starting")
        if watched["stage"] == "checking":
            break
    await daemon.kill()
    await daemon.start()
    ended = await daemon.ended(body["id"])
    assert ended["outcome"] == "interrupted"
    assert "restarted" in ended["reason"]
    assert (await daemon.api("GET", "/api/v1/apps/app/instances"))[1]["instances"] == []


async def test_a_crashed_app_is_restarted_and_the_crash_is_told(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    before = await instance_of(daemon)
    os.kill(int(str(before["pid"])), 9)
    async with asyncio.timeout(20):
        while (await daemon.get("app.test"))[0] != 200:
            await asyncio.sleep(0.05)
    assert (await instance_of(daemon))["pid"] != before["pid"]
    _, body = await daemon.api("GET", "/api/v1/events?limit=50")
    (crash,) = [event for event in body["events"] if event["type"] == "instance.crashed"]
    assert crash["data"]["signal"] == "SIGKILL"


async def test_visitors_keep_their_instance_and_their_side_of_a_canary_over_a_restart(
    daemon: Daemon, tmp_path: Path
) -> None:
    repo = repo_with(telling("v1"), tmp_path / "app")
    await daemon.create_app("app", str(repo), processes={"web": 2}, proxy={"sticky": True})
    assert (await daemon.deploy("app"))["outcome"] == "live"
    write(repo, telling("v2"), "Second")
    status, body = await daemon.api("POST", "/api/v1/apps/app/deployments", {"canary": {"percent": 50}})
    assert status == 202, body
    assert (await daemon.ended(body["id"]))["outcome"] == "canary"
    visitors = [await visit(daemon) for _ in range(8)]
    assert len({who for who, _ in visitors}) > 1
    await daemon.kill()
    await daemon.start()
    assert [await visit(daemon, cookies) for _, cookies in visitors] == [(who, {}) for who, _ in visitors]
    await daemon.reload()
    assert [await visit(daemon, cookies) for _, cookies in visitors] == [(who, {}) for who, _ in visitors]


def telling(version: str) -> dict[str, str]:
    found = files(version)
    return found | {"main.py": found["main.py"].replace("VERSION.encode()", 'f"{VERSION} {os.getpid()}".encode()')}


async def visit(daemon: Daemon, cookies: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """Who answered, and the cookies that came with it."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as visitor,
        visitor.get(
            f"http://127.0.0.1:{daemon.http_port}/", headers={"Host": "app.test"}, cookies=cookies or {}
        ) as answer,
    ):
        assert answer.status == 200
        return await answer.text(), {name: cookie.value for name, cookie in answer.cookies.items()}
