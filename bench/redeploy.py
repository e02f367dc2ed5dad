"""Warm redeploys: from `git commit` to the first answer of the new version through the proxy, and what failed."""

import asyncio
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

import uvloop

from tests.support.daemon import Daemon, running_daemon
from tests.support.load import Load, constant_load
from tests.support.repos import repo_with, write

ROUNDS = 10
GOALS = {"static": 0.4, "python": 1.5}
_SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = {version!r}.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def files(kind: str, version: str) -> dict[str, str]:
    if kind == "static":
        return {"index.html": version}
    return {
        "main.py": _SERVER.format(version=version),
        "requirements.txt": "",
        "Procfile": "web: python main.py\n",
    }


async def measure(daemon: Daemon, folder: Path, kind: str) -> None:
    repo = repo_with(files(kind, "v0"), folder / kind)
    await daemon.create_app(kind, str(repo))
    first = await daemon.deploy(kind)
    assert first["outcome"] == "live", first
    seconds: list[float] = []
    stages: dict[str, list[float]] = {}
    async with constant_load(daemon.http_port, f"{kind}.test", clients=2) as load:
        for number in range(1, ROUNDS + 1):
            write(repo, files(kind, f"v{number}"), f"Version {number}")
            start = perf_counter()
            async with asyncio.TaskGroup() as group:
                deployment = group.create_task(daemon.deploy(kind))
                answered = group.create_task(_answered(load, f"v{number}"))
            seconds.append(answered.result() - start)
            for stage, spent in deployment.result()["stage_seconds"].items():
                stages.setdefault(stage, []).append(spent)
    goal = GOALS[kind]
    median = statistics.median(seconds)
    print(f"{kind}: push to new version {median:.3f} s (worst {max(seconds):.3f}), goal {goal} s: "
          f"{'met' if median <= goal else 'MISSED'}; {len(load.failures)} of {load.total} requests failed")  # fmt: skip
    print("   " + ", ".join(f"{stage} {statistics.median(spent) * 1000:.0f} ms" for stage, spent in stages.items()))


async def _answered(load: Load, version: str) -> float:
    while load.answers[version] == 0:
        await load.one_more()
    return perf_counter()


async def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running_daemon(folder) as daemon:
            for kind in GOALS:
                await measure(daemon, folder / "repos", kind)


def main() -> None:
    uvloop.run(run())


if __name__ == "__main__":
    main()
