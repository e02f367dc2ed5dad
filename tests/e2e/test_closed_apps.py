"""What visitors read of an app that does not answer is what is true of it."""

from pathlib import Path

import aiohttp
import pytest

from tests.support.daemon import Daemon, running_daemon
from tests.support.repos import repo_with

pytestmark = pytest.mark.e2e


async def told(daemon: Daemon) -> tuple[int, str]:
    status, text = await daemon.get("app.test")
    return status, text.splitlines()[1] if status != 200 else text


async def test_visitors_are_told_whether_an_app_was_never_deployed_is_stopped_or_is_none(tmp_path: Path) -> None:
    repo = repo_with({"index.html": "it works"}, tmp_path / "app")
    async with running_daemon(tmp_path, server_toml='brand = "Ann & Ben"') as daemon:
        assert await told(daemon) == (404, "No app is served under this host name.")
        async with aiohttp.ClientSession() as session:
            asked = {"Host": "app.test", "Accept": "text/html"}
            async with session.get(f"http://127.0.0.1:{daemon.http_port}/", headers=asked) as answer:
                assert "Ann &amp; Ben" in await answer.text()
        await daemon.create_app("app", str(repo))
        assert await told(daemon) == (503, "This app has not been deployed yet.")
        assert (await daemon.api("POST", "/api/v1/apps/app/pause", {}))[0] == 409
        await daemon.kill()
        await daemon.start()
        assert await told(daemon) == (503, "This app has not been deployed yet.")
        assert (await daemon.deploy("app"))["outcome"] == "live"
        assert await told(daemon) == (200, "it works")
        assert (await daemon.api("POST", "/api/v1/apps/app/stop", {}))[0] < 300
        assert await told(daemon) == (503, "This app is stopped.")
        assert (await daemon.api("DELETE", "/api/v1/apps/app"))[0] < 300
        assert await told(daemon) == (404, "No app is served under this host name.")
