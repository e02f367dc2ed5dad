"""Traffic never notices a deployment."""

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.load import constant_load
from tests.support.repos import repo_with, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_SERVER = """
import http.server, os, signal, sys
VERSION = {version!r}
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = VERSION.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        print("request", VERSION)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.handle_error = lambda *_: None  # A torn connection is no news, and its traceback would tear other lines.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
"""


def files(version: str) -> dict[str, str]:
    return {"main.py": _SERVER.format(version=version), "Procfile": "web: python3 main.py\n"}


async def test_twenty_redeploys_under_load_fail_no_request(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("v0"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    async with constant_load(daemon.http_port, "app.test") as load:
        for number in range(1, 21):
            write(repo, files(f"v{number}"), f"Version {number}")
            deployment = await daemon.deploy("app")
            assert deployment["outcome"] == "live", deployment
            assert deployment["switch"]["failed"] == 0
            await load.one_more()
    assert load.failures == []
    assert set(load.answers) == {f"v{number}" for number in range(21)}


async def test_a_rollback_brings_the_old_release_back_without_a_build(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("old"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    write(repo, files("new"), "New version")
    await daemon.deploy("app")
    assert (await daemon.get("app.test"))[1] == "new"
    status, body = await daemon.api("POST", "/api/v1/apps/app/rollback", {})
    assert status == 202
    ended = await daemon.ended(body["id"])
    assert (ended["outcome"], ended["release"]) == ("live", 1)
    assert "building" not in ended["stage_seconds"]
    assert (await daemon.get("app.test"))[1] == "old"


async def test_a_failed_redeploy_leaves_the_old_release_serving(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with(files("good"), tmp_path / "app")
    await daemon.create_app("app", str(repo))
    await daemon.deploy("app")
    async with constant_load(daemon.http_port, "app.test") as load:
        write(repo, {"main.py": "raise SystemExit(7)"}, "Broken")
        deployment = await daemon.deploy("app")
    assert deployment["outcome"] == "failed"
    assert "code 7" in deployment["reason"]
    assert load.failures == []
    assert set(load.answers) == {"good"}
    instances = (await daemon.api("GET", "/api/v1/apps/app/instances"))[1]["instances"]
    assert [one["release"] for one in instances] == [1]
