"""Two releases at once in a whole deployd: a bad canary goes by itself, a good one takes over from the live release."""

import asyncio
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deployd.domain.canary_verdict import FEWEST_ERRORS
from tests.support.daemon import Daemon
from tests.support.load import constant_load
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CANARY = "/api/v1/apps/app/canary"
_SERVER = """
import http.server, os, signal, sys
VERSION, BROKEN = {version!r}, {broken!r}
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = VERSION.encode()
        self.send_response(500 if BROKEN and self.path != "/up" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.handle_error = lambda *_: None
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
"""


def version(name: str, broken: bool = False) -> dict[str, str]:
    return {"main.py": _SERVER.format(version=name, broken=broken), "Procfile": "web: python3 main.py\n"}


async def deployed(daemon: Daemon, folder: Path) -> Path:
    repo = repo_with(version("v1"), folder)
    await daemon.create_app("app", str(repo), health="/up")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    return repo


async def begun(daemon: Daemon, **rule: object) -> dict[str, Any]:
    """A build of the newest commit that ends as a canary."""
    status, body = await daemon.api("POST", "/api/v1/apps/app/deployments", {"canary": rule})
    assert status == 202, body
    ended = await daemon.ended(body["id"])
    assert ended["outcome"] == "canary", ended
    return ended


async def ask(daemon: Daemon, path: str = "/", **headers: str) -> tuple[int, str, str]:
    """Status, body and the canary's cookie, as a visitor who was never here."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as visitor,
        visitor.get(f"http://127.0.0.1:{daemon.http_port}{path}", headers={"Host": "app.test", **headers}) as answer,
    ):
        cookie = answer.cookies.get("deployd_canary")
        return answer.status, await answer.text(), cookie.value if cookie is not None else ""


async def instances(daemon: Daemon) -> set[int]:
    return {one["release"] for one in (await daemon.api("GET", "/api/v1/apps/app/instances"))[1]["instances"]}


async def happened(daemon: Daemon, kind: str) -> dict[str, Any]:
    """What the event of that kind says."""
    async with asyncio.timeout(10):
        while True:
            _, events = await daemon.api("GET", "/api/v1/events?limit=50&app=app")
            for event in events["events"]:
                if event["type"] == kind:
                    return dict(event["data"])
            await asyncio.sleep(0.05)


async def until_gone(daemon: Daemon, deployment: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            _, body = await daemon.api("GET", f"/api/v1/deployments/{deployment}")
            if body["outcome"] == "reverted" and len(await instances(daemon)) == 1:
                return dict(body)
            await asyncio.sleep(0.05)


async def test_a_failing_canary_is_aborted_by_itself_and_nobody_else_notices(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    write(repo, version("v2", broken=True), "Broken")
    async with constant_load(daemon.http_port, "app.test") as others:
        deployment = await begun(daemon, header="X-Canary: 1")
        assert await instances(daemon) == {1, 2}
        for _ in range(FEWEST_ERRORS):
            assert (await ask(daemon, **{"X-Canary": "1"}))[:2] == (500, "v2")
        reverted = await until_gone(daemon, deployment["id"])
        assert (await ask(daemon, **{"X-Canary": "1"}))[:2] == (200, "v1")
        await others.one_more()
    assert others.failures == []
    assert set(others.answers) == {"v1"}
    assert "10 of 10 requests (100 %) were answered with errors" in reverted["reason"]
    assert (await daemon.api("GET", CANARY))[0] == 404
    _, events = await daemon.api("GET", "/api/v1/events?limit=50&app=app")
    aborted = [event["data"] for event in events["events"] if event["type"] == "canary.aborted"]
    assert [data["automatic"] for data in aborted] == [True]


async def test_a_promoted_canary_serves_everyone_with_its_own_processes(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    write(repo, version("v2"), "Better")
    async with constant_load(daemon.http_port, "app.test") as load:
        await begun(daemon, percent=50)
        seen = {cookie: body for _, body, cookie in [await ask(daemon) for _ in range(40)]}
        assert set(seen.values()) == {"v1", "v2"}
        for cookie, body in seen.items():
            assert (await ask(daemon, Cookie=f"deployd_canary={cookie}"))[1:] == (body, "")
        _, shown = await daemon.api("GET", CANARY)
        assert (shown["live"]["release"], shown["canary"]["release"]) == (1, 2)
        assert min(shown["live"]["requests"], shown["canary"]["requests"]) > 0
        assert shown["canary"]["p95_seconds"] > 0
        _, before = await daemon.api("GET", "/api/v1/apps/app/instances")
        status, body = await daemon.api("POST", CANARY)
        assert status == 202, body
        promoted = await daemon.ended(body["id"])
        assert (promoted["outcome"], promoted["release"], promoted["trigger"]) == ("live", 2, "promote")
        assert (promoted["switch"]["failed"], promoted["switch"]["cut"]) == (0, 0)
        assert await happened(daemon, "canary.promoted") == {"release": 2}
        assert {(await ask(daemon))[1] for _ in range(20)} == {"v2"}
        await load.one_more()
    assert load.failures == []
    _, after = await daemon.api("GET", "/api/v1/apps/app/instances")
    pids = {one["release"]: one["pid"] for one in before["instances"]}
    assert [one["pid"] for one in after["instances"]] == [pids[2]]
    assert (await daemon.api("GET", CANARY))[0] == 404


async def test_a_canary_outlives_a_restart_and_gives_way_to_a_new_deployment(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    write(repo, version("v2"), "Better")
    deployment = await begun(daemon, header="X-Canary: 1")
    await daemon.kill()
    await daemon.start()
    assert (await ask(daemon, **{"X-Canary": "1"}))[:2] == (200, "v2")
    assert (await ask(daemon))[:2] == (200, "v1")
    status, body = await daemon.api("PUT", CANARY, {"percent": 100})
    assert status == 202, body
    changed = await daemon.ended(body["id"])
    assert (changed["outcome"], changed["release"]) == ("canary", 2)
    assert (await ask(daemon))[:2] == (200, "v2")
    write(repo, version("v3"), "Best")
    assert (await daemon.deploy("app"))["outcome"] == "live"
    assert await instances(daemon) == {3}
    _, first = await daemon.api("GET", f"/api/v1/deployments/{deployment['id']}")
    _, given_up = await daemon.api("GET", f"/api/v1/deployments/{body['id']}")
    assert first["outcome"] == "canary"
    assert (given_up["outcome"], given_up["reason"]) == (
        "reverted",
        "The canary v2 was aborted: v3 is being deployed.",
    )


async def test_a_canary_that_crashes_is_aborted_and_one_can_be_aborted_by_hand(daemon: Daemon, tmp_path: Path) -> None:
    repo = await deployed(daemon, tmp_path / "app")
    assert (await daemon.api("PUT", CANARY, {"percent": 5}))[1]["detail"].startswith("App 'app' has no release but")
    assert (await daemon.api("PUT", CANARY, {}))[1]["detail"].startswith("A canary needs visitors")
    assert (await daemon.api("DELETE", CANARY))[0] == 409
    write(repo, version("v2"), "Better")
    await begun(daemon, percent=100)
    assert (await daemon.api("DELETE", CANARY))[0] == 204
    assert await instances(daemon) == {1}
    status, body = await daemon.api("PUT", CANARY, {"percent": 100})
    assert status == 202, body
    again = await daemon.ended(body["id"])
    assert (again["outcome"], again["release"]) == ("canary", 2)
    _, running = await daemon.api("GET", "/api/v1/apps/app/instances")
    (pid,) = [one["pid"] for one in running["instances"] if one["release"] == 2]
    os.kill(pid, 9)
    reverted = await until_gone(daemon, again["id"])
    assert reverted["reason"] == "The canary v2 was aborted: web.1 was killed by SIGKILL."
    assert (await ask(daemon))[:2] == (200, "v1")
