"""An app is restarted again and again while it prints a thousand lines a second.

`make restarts`, or `python -m tests.e2e.kills.restarts --restarts 40`.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.kills.numbered import Lines, numbered_app
from tests.support.daemon import Daemon, running_daemon
from tests.support.repos import repo_with

LINES_A_SECOND = 1_000


async def restarted(daemon: Daemon, folder: Path, restarts: int) -> Lines:
    """The log after that many; every process that ended is there with its last line."""
    repo = repo_with(numbered_app("v1", LINES_A_SECOND), folder / "numbered")
    await daemon.create_app("numbered", str(repo))
    assert (await daemon.deploy("numbered"))["outcome"] == "live"
    lines = Lines(daemon, "numbered")
    for _ in range(restarts):
        status, body = await daemon.api("POST", "/api/v1/apps/numbered/restart", {})
        assert status == 202, body
        ended = await daemon.ended(body["id"])
        assert ended["outcome"] == "live", ended
        await lines.read()
    status, body = await daemon.api("POST", "/api/v1/apps/numbered/stop", {})
    assert status < 300, body
    await lines.read()
    if len(lines.ended) != restarts + 1:
        lines.faults.append(f"{restarts + 1} processes have ended, and {len(lines.ended)} last lines are there")
    return lines


async def _run(restarts: int) -> int:
    with tempfile.TemporaryDirectory(prefix="deployd-restarts-") as folder:
        async with running_daemon(Path(folder)) as daemon:
            lines = await restarted(daemon, Path(folder), restarts)
    print(f"{restarts} restarts, {lines.count} lines of {lines.runs} processes, {len(lines.faults)} faults")
    print(*lines.faults[:20], sep="\n")
    return 1 if lines.faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--restarts", type=int, default=40)
    sys.exit(asyncio.run(_run(parser.parse_args().restarts)))
