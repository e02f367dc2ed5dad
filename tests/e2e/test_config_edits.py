"""Editing deployd.toml while deployd runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.repos import repo_with
from tests.support.stream_server import stream_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def newest_deployment(daemon: Daemon, app: str) -> dict[str, Any]:
    """Once deployd.toml was applied: the app exists and has been told to deploy."""
    await event(daemon, "config.applied")
    _, body = await daemon.api("GET", f"/api/v1/apps/{app}/deployments")
    return await daemon.ended(body["deployments"][0]["id"])


async def event(daemon: Daemon, kind: str, count: int = 1) -> dict[str, Any]:
    """The newest event of that kind, once there are `count`."""
    async with asyncio.timeout(20):
        while True:
            _, body = await daemon.api("GET", "/api/v1/events?limit=100")
            found = [one for one in body["events"] if one["type"] == kind]
            if len(found) >= count:
                return dict(found[0])
            await asyncio.sleep(0.05)


async def test_a_new_table_creates_and_deploys_the_app(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "from toml"}, tmp_path / "site")
    await event(daemon, "config.applied")
    daemon.write_config(f'[apps.site]\nrepo = "{repo}"\ndomains = ["www.example.test"]\n')
    await event(daemon, "app.created")
    await event(daemon, "config.applied", 2)
    deployment = await newest_deployment(daemon, "site")
    assert (deployment["outcome"], deployment["trigger"]) == ("live", "toml")
    assert await daemon.get("www.example.test") == (200, "from toml")


async def test_an_invalid_edit_is_refused_with_its_reason_and_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "stays"}, tmp_path / "site")
    daemon.write_config(f'[apps.site]\nrepo = "{repo}"\n')
    await event(daemon, "app.created")
    await event(daemon, "config.applied", 2)
    await newest_deployment(daemon, "site")
    daemon.write_config(f'[apps.site]\nrepo = "{repo}"\nbrnach = "main"\n')
    refusal = await event(daemon, "config.refused")
    assert "brnach" in refusal["data"]["reason"]
    assert "apps.site" in refusal["data"]["reason"]
    status, ready = await daemon.api("GET", "/readyz")
    assert status == 503
    line = daemon.config.read_text().splitlines().index('brnach = "main"') + 1
    told = f"{daemon.config}:{line}:1: [apps.site] has no key `brnach`: did you mean `branch`?"
    assert ready["problems"][0].startswith(f"The last edit of deployd.toml was refused: {told}\n{line:5} | brnach = …")
    await daemon.until_logged("deployd", f"Edit refused: {told}")
    assert await daemon.get("site.test") == (200, "stays")
    daemon.write_config(f'[apps.site]\nrepo = "{repo}"\n')
    await event(daemon, "config.applied", 3)
    assert (await daemon.api("GET", "/readyz"))[0] == 200


async def test_hosts_move_from_app_to_app_in_one_edit(daemon: Daemon, tmp_path: Path) -> None:
    one = repo_with({"index.html": "one"}, tmp_path / "one")
    two = repo_with({"index.html": "two"}, tmp_path / "two")

    def write(of_one: str, of_two: str) -> None:
        daemon.write_config(
            f'[apps.one]\nrepo = "{one}"\ndomains = [{of_one}]\n[apps.two]\nrepo = "{two}"\ndomains = [{of_two}]\n'
        )

    await event(daemon, "config.applied")
    write("", '"x.test"')
    await event(daemon, "config.applied", 2)
    for app in ("one", "two"):
        await newest_deployment(daemon, app)
    write('"x.test"', '"y.test"')
    await event(daemon, "config.applied", 3)
    assert [await daemon.get(host) for host in ("x.test", "y.test")] == [(200, "one"), (200, "two")]
    write('"y.test"', '"x.test"')
    await event(daemon, "config.applied", 4)
    assert [await daemon.get(host) for host in ("x.test", "y.test")] == [(200, "two"), (200, "one")]
    _, body = await daemon.api("GET", "/api/v1/events?limit=100")
    assert "config.refused" not in {one["type"] for one in body["events"]}


@pytest.mark.parametrize(("prune", "status"), [(False, 200), (True, 503)])
async def test_a_removed_table_stops_the_app_only_with_prune(
    daemon: Daemon, tmp_path: Path, prune: bool, status: int
) -> None:
    repo = repo_with({"index.html": "page"}, tmp_path / "site")
    daemon.write_config(f'[apps.site]\nrepo = "{repo}"\n')
    await event(daemon, "app.created")
    await event(daemon, "config.applied", 2)
    await newest_deployment(daemon, "site")
    text = daemon.config.read_text().split("[apps.site]")[0]
    daemon.config.write_text(f"prune = {str(prune).lower()}\n{text}")
    await event(daemon, "config.applied", 3)
    assert (await daemon.get("site.test"))[0] == status


async def test_the_apps_log_says_what_of_an_edit_waits_and_for_what(daemon: Daemon, tmp_path: Path) -> None:
    table = f'[apps.site]\nrepo = "{repo_with({"index.html": "page"}, tmp_path / "site")}"\n'
    daemon.write_config(table)
    await event(daemon, "app.created")
    await event(daemon, "config.applied", 2)
    await newest_deployment(daemon, "site")
    daemon.write_config(
        f'{table}domains = ["site.test", "other.test"]\nenv = {{ A = "1" }}\nbuild = {{ spa = true }}\n'
    )
    await event(daemon, "config.applied", 3)
    for key, verb in (("env", "restart"), ("build", "deploy")):
        await daemon.until_logged("site", f"The new `{key}` of site takes effect with: deployd {verb} site")
    assert await daemon.get("other.test") == (200, "page")
    assert len((await daemon.api("GET", "/api/v1/apps/site/deployments"))[1]["deployments"]) == 1
    assert not any("`domains`" in text for text in await daemon.log_texts("site"))


async def test_an_upstream_is_routed_and_never_built(daemon: Daemon, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nupstream")
        await writer.drain()

    async with stream_server(answer) as port:
        await event(daemon, "config.applied")
        daemon.write_config(f'[apps.old]\nupstream = "127.0.0.1:{port}"\n')
        await event(daemon, "app.created")
        await event(daemon, "config.applied", 2)
        assert await daemon.get("old.test") == (200, "upstream")
        status, body = await daemon.api("POST", "/api/v1/apps/old/deployments", {})
    assert status == 422 or status == 400
    assert "does not build" in body["detail"]


async def test_an_app_of_the_file_that_is_removed_by_command_does_not_come_back(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "page"}, tmp_path / "site")
    daemon.write_config(f'# Ours.\n[apps.site]\nrepo = "{repo}"\n\n# Theirs.\n[apps.old]\nupstream = "127.0.0.1:1"\n')
    await event(daemon, "app.created", 2)
    await event(daemon, "config.applied", 2)
    await newest_deployment(daemon, "site")
    status, changed = await daemon.api("PATCH", "/api/v1/apps/site", {"domains": ["bücher.test"]})
    assert (status, changed["owner"], changed["drift"]) == (200, "file", [])
    assert await daemon.get("xn--bcher-kva.test") == (200, "page")
    assert f'repo = "{repo}"\ndomains = ["bücher.test"]\n\n# Theirs.' in daemon.config.read_text()
    assert (await daemon.api("DELETE", "/api/v1/apps/site"))[0] == 204
    assert "Ours" not in daemon.config.read_text()
    assert "# Theirs.\n[apps.old]" in daemon.config.read_text()
    await daemon.reload()
    await event(daemon, "config.applied", 3)
    assert [app["name"] for app in (await daemon.api("GET", "/api/v1/apps"))[1]["apps"]] == ["old"]
    assert (await daemon.get("xn--bcher-kva.test"))[0] == 404
