"""`deployd deploy` as people see it: in terminals of 60 and 80 columns, and in the log of a CI run."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.repos import repo_of, repo_with
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

APP = """\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass

print("listening", flush=True)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
"""

AT_60 = """\
Deploying shop (dep-ID)
  http://shop.test:PORT/
  Commit HEX: First version
✓ fetching N s
  Plan (procfile): Commands only: the Procfile says what to
    run, and nothing here is known to need a build.
✓ building N s
✓ starting N s
  web.1 | listening
  web.1 is healthy after N s: GET / answers.
✓ checking N s
✓ switching N s
shop vN is live after N s at http://shop.test:PORT/"""

WIDER = AT_60.replace("what to\n    run", "what to run").replace("nothing here is", "nothing\n    here is")
PIPED = AT_60.replace("what to\n    run", "what to run")


def steady(lines: list[str]) -> str:
    """Without what is another thing each time; stages are quick here, so none of them is left out for that."""
    text = "\n".join(lines).strip()
    for pattern, word in (
        (r"dep-[0-9a-z]+", "dep-ID"),
        (r"test:\d+", "test:PORT"),
        (r"Commit [0-9a-f]+", "Commit HEX"),
        (r"\d+(\.\d+)? s( \(usually \d+\.\d s\))?", "N s"),
        (r" v\d+", " vN"),
        (r"\n✓ (queued|detecting|packing|draining) N s", ""),
    ):
        text = re.sub(pattern, word, text)
    return text


async def piped(daemon: Daemon, *argv: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deployd", *argv, "--config", str(daemon.config), cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_deployment_is_told_in_every_width_and_in_ci(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"Procfile": "web: python3 app.py\n", "app.py": APP}, tmp_path / "repos" / "shop")
    await daemon.create_app("shop", str(repo))
    for width, expected in ((60, AT_60), (80, WIDER)):
        terminal = Terminal(width)
        assert await terminal.run(["deploy", "shop", "--config", str(daemon.config)]) == 0
        assert steady(terminal.lines) == expected
        assert all(len(line) <= width for line in terminal.lines)
    code, out, err = await piped(daemon, "deploy", "shop")
    assert (code, steady(out.splitlines()), err) == (0, PIPED, "")
    assert "\x1b" not in out
    assert "\r" not in out
    code, out, err = await piped(daemon, "deploy", "shop", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [one["event"] for one in events if one["event"] != "line"][:3] == ["accepted", "stage", "stage"]
    assert events[-1]["deployment"]["outcome"] == "live"
    assert events[-1]["deployment"]["usual_seconds"].keys() >= {"fetching", "building", "checking"}


async def test_an_app_that_is_never_healthy_is_told_once_and_ctrl_c_leaves_it_going(
    daemon: Daemon, tmp_path: Path
) -> None:
    repo = repo_of("never-healthy", tmp_path / "repos" / "app")
    await daemon.create_app("app", str(repo), health={"path": "/", "gate_seconds": 3})
    code, out, err = await piped(daemon, "deploy", "app")
    assert code == 4
    assert out.count("code 503") == 1
    assert out.count("web.1 is not healthy yet (GET /: 503).") == 1
    assert re.search(r"✗ checking 3\.\d s\n  \(\d+ lines like those above left out\)\n\Z", out)
    assert err.startswith("app was not deployed: web.1 was not healthy within 3 s: GET / said: 503.\nNothing of it")
    await daemon.api("PATCH", "/api/v1/apps/app", {"health": {"path": "/", "gate_seconds": 60}})
    terminal = Terminal(60)
    typed = ("is not healthy yet", "\x03")
    assert await terminal.run(["deploy", "app", "--config", str(daemon.config)], type_when=typed) == 130
    left = "\n".join(terminal.lines)
    assert "goes on without you" in left
    assert "deployd cancel app" in left
    code, out, _ = await piped(daemon, "apps")
    assert "checking now" in out
    assert (await piped(daemon, "cancel", "app"))[0] == 0
