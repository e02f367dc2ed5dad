"""The login to a repository, from deployd.toml to git."""

from pathlib import Path

import pytest

from tests.support.daemon import Daemon, running_daemon
from tests.support.git_http import serve_git
from tests.support.repos import repo_with

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

_TABLE = '[apps.site]\nrepo = "{repo}"\n'


async def test_a_token_in_an_address_is_used_and_stands_nowhere(tmp_path: Path) -> None:
    repo_with({"index.html": "hello"}, tmp_path / "served" / "site")
    folder = tmp_path / "deployd"
    folder.mkdir()
    async with (
        serve_git(tmp_path / "served", login=("bot", "hunter2/xyzzy")) as base_url,
        running_daemon(folder, apps_toml=_TABLE.format(repo=_with(base_url, "hunter2%2Fxyzzy"))) as daemon,
    ):
        assert (await _newest(daemon))["outcome"] == "live"
        answers = [await daemon.api("GET", path) for path in ("/api/v1/apps", "/api/v1/events", "/api/v1/apps/site")]
        daemon.write_config(_TABLE.format(repo=_with(base_url, "hunter2#xyzzy")))
        while True:
            _, ready = await daemon.api("GET", "/readyz")
            if "percent-encode" in str(ready):
                break
            await daemon.api("GET", "/api/v1/apps/site/deployments")
        answers += [(0, ready), (0, await daemon.log_texts("deployd")), (0, await daemon.log_texts("site"))]
        new = {"name": "two", "repo": _with(base_url, "hunter2?xyzzy")}
        answers += [refused := await daemon.api("POST", "/api/v1/apps", new)]
        assert refused[0] == 400
        assert (await daemon.api("GET", "/api/v1/apps/two"))[0] == 404
        assert "[redacted]@" in str(answers[0])
        (daemon.config).unlink()
    texts = [str(answers).encode(), *(file.read_bytes() for file in folder.rglob("*") if file.is_file())]
    assert not [text for text in texts if b"hunter2" in text or b"xyzzy" in text]


def _with(base_url: str, password: str) -> str:
    return base_url.replace("http://", f"http://bot:{password}@") + "/site"


async def _newest(daemon: Daemon) -> dict[str, object]:
    while True:
        _, body = await daemon.api("GET", "/api/v1/apps/site/deployments")
        if body.get("deployments"):
            return await daemon.ended(body["deployments"][0]["id"])
