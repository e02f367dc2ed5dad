"""Real repositories over smart HTTP, really built, started, gated and probed through the proxy."""

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.git_http import serve_git
from tests.support.repos import repo_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("plain-html", "Hello from plain HTML"),
        ("vite-site", '<script type="module"'),
        ("express-app", "Express"),
        ("fastapi-app", "FastAPI"),
        ("flask-app", "Flask"),
    ],
)
async def test_an_app_is_built_started_and_answers_through_the_proxy(
    daemon: Daemon, tmp_path: Path, example: str, expected: str
) -> None:
    repo_of(example, tmp_path / "repos" / "app")
    async with serve_git(tmp_path / "repos") as base_url:
        await daemon.create_app("app", f"{base_url}/app")
        deployment = await daemon.deploy("app")
    assert deployment["outcome"] == "live", "\n".join(await daemon.log_texts("app"))
    status, body = await daemon.get("app.test")
    assert (status, expected in body) == (200, True), body
    assert (await daemon.get("other.test"))[0] == 404


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ("broken-build", "exit"),
        ("never-healthy", "not healthy within 3 s"),
        ("crash-loop", "exited with code 3 before it was healthy"),
    ],
)
async def test_a_failed_deployment_says_why_and_leaves_nothing_running(
    daemon: Daemon, tmp_path: Path, example: str, reason: str
) -> None:
    repo_of(example, tmp_path / "repos" / "app")
    async with serve_git(tmp_path / "repos") as base_url:
        await daemon.create_app("app", f"{base_url}/app", health={"path": "/", "gate_seconds": 3})
        deployment = await daemon.deploy("app")
    assert deployment["outcome"] == "failed"
    assert reason in deployment["reason"], "\n".join(await daemon.log_texts("app"))
    assert (await daemon.api("GET", "/api/v1/apps/app/instances"))[1]["instances"] == []
    assert (await daemon.get("app.test"))[0] == 503
    assert list((daemon.folder / "data" / "builds").iterdir()) == []


async def test_a_missing_repository_is_named(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "repos").mkdir()
    async with serve_git(tmp_path / "repos") as base_url:
        await daemon.create_app("app", f"{base_url}/nothing-here")
        deployment = await daemon.deploy("app")
    assert deployment["outcome"] == "failed"
    assert "nothing-here" in deployment["reason"]
