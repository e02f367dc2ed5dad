"""Repositories whose files are made to hurt: each fails by itself, with its reason, and nobody else notices."""

import asyncio
import json
import shutil
from pathlib import Path
from time import perf_counter

import pytest

from deployd.builders.sandbox import SEARCH_PATH
from tests.deployd.builders.yards import missing
from tests.support.daemon import Daemon
from tests.support.repos import repo_with

pytestmark = pytest.mark.e2e

FILES = {
    "one-line": ("requirements.txt", f"flask{' ' * 100_000}x\n"),
    "json": ("package.json", "[" * 100_000),
    "toml": (".deployd.toml", f"a = {'[' * 5_000}"),
    "digits": ("pyproject.toml", f"a = {'9' * 5_000}"),
    "cargo": ("Cargo.toml", f"a = {'{b=' * 5_000}"),
    "heroku": ("app.json", f'{{"formation": {"[" * 5_000}'),
}
NESTED = "is nested too deeply to be read."
REASONS = {
    "one-line": "Line 1 of requirements.txt has 100,006 characters; the most is 16,384.",
    "json": f"package.json {NESTED}",
    "toml": f".deployd.toml {NESTED}",
    "digits": "pyproject.toml holds a number with more digits than can be read.",
    "cargo": f"Cargo.toml {NESTED}",
    "heroku": f"app.json {NESTED}",
}
ROUNDS = 2


ASK = """python3 -c '
import socket
for host in ("127.0.0.1", "10.0.2.2"):
    try:
        socket.create_connection((host, {}), 5)
        print("reached", host)
    except OSError:
        print("no way to", host)
'"""


async def test_a_build_does_not_reach_the_listener_of_those_who_run_deployd(daemon: Daemon, tmp_path: Path) -> None:
    """All logs and settings were to be had there, by default."""
    for program in ("slirp4netns", "bwrap"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            missing(f"{program} is not installed")
    step = json.dumps(ASK.format(daemon.admin_port))
    files = {"index.html": "hello", ".deployd.toml": f"[build]\nbuild = {step}\n"}
    await daemon.create_app("curious", str(repo_with(files, tmp_path / "curious")))
    assert (await daemon.deploy("curious"))["outcome"] == "live"
    said = [line for line in await daemon.log_texts("curious") if line.startswith(("reached", "no way"))]
    assert said == ["no way to 127.0.0.1", "no way to 10.0.2.2"]


async def test_no_file_of_a_repository_ends_more_than_its_own_build(daemon: Daemon, tmp_path: Path) -> None:
    """Eleven such builds stopped all building until a person came; the first held up every app for a minute."""
    good = repo_with({"index.html": "served"}, tmp_path / "good")
    await daemon.create_app("good", str(good))
    assert (await daemon.deploy("good"))["outcome"] == "live"
    for name, (file, text) in FILES.items():
        await daemon.create_app(name, str(repo_with({file: text}, tmp_path / name)))
    slowest = 0.0
    reasons = {}
    for _ in range(ROUNDS):
        for name in FILES:
            deploying = asyncio.create_task(daemon.deploy(name))
            while not deploying.done():
                began = perf_counter()
                assert await daemon.get("good.test") == (200, "served")
                slowest = max(slowest, perf_counter() - began)
                await asyncio.sleep(0.01)
            reasons[name] = deploying.result()["reason"]
    assert reasons == REASONS
    assert slowest < 5
    _, status = await daemon.api("GET", "/api/v1/status")
    assert [actor for actor in status["actors"] if actor["restarts"] or actor["state"] != "running"] == []
    assert (await daemon.deploy("good"))["outcome"] == "live"
