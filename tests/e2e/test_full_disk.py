"""A disk that is full for a while: what happens meanwhile is made up for once there is room again."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.repos import repo_with

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@contextmanager
def full_disk(daemon: Daemon) -> Iterator[None]:
    """For what deployd itself writes: no file of it can grow."""
    before = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, before)


async def _pid(daemon: Daemon) -> int:
    _, body = await daemon.api("GET", "/api/v1/apps/app/instances")
    return int(body["instances"][0]["pid"])


async def _until(daemon: Daemon, status: int) -> None:
    async with asyncio.timeout(60):
        while (await daemon.get("app.test"))[0] != status:
            await asyncio.sleep(0.05)


async def test_an_app_that_crashed_meanwhile_is_started_again(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"server.py": SERVER, "Procfile": "web: python3 server.py\n"}, tmp_path / "repo")
    await daemon.create_app("app", str(repo))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    with full_disk(daemon):
        status, refused = await daemon.api("PATCH", "/api/v1/apps/app/env", {"A": "1"})
        assert (status, "cannot be written" in refused["detail"]) == (503, True)
        os.kill(await _pid(daemon), signal.SIGKILL)
        await _until(daemon, 502)
        status, _ = await daemon.api("PATCH", "/api/v1/apps/app/env", {"A": "1"})
        assert status == 503
    await _until(daemon, 200)
    status, _ = await daemon.api("GET", "/api/v1/status")
    assert status == 200
