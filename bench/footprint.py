"""What deployd costs at rest: idle memory with three static apps, and start → first proxied request."""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from time import perf_counter

import aiohttp
import psutil
import uvloop

from tests.support.daemon import Daemon, running_daemon
from tests.support.repos import repo_with

RSS_GOAL_MB = 90
START_GOAL_SECONDS = 1.0


async def first_answer(daemon: Daemon) -> float:
    """Seconds from exec to the first 200 through the proxy."""
    start = perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(daemon.start())
        answered = group.create_task(_until_answered(daemon))
    return answered.result() - start


async def _until_answered(daemon: Daemon) -> float:
    while True:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            if (await daemon.get("one.test"))[0] == 200:
                return perf_counter()
        await asyncio.sleep(0.005)


async def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running_daemon(folder) as daemon:
            for app in ("one", "two", "three"):
                repo = repo_with({"index.html": app}, folder / "repos" / app)
                await daemon.create_app(app, str(repo))
                assert (await daemon.deploy(app))["outcome"] == "live"
            after_deploys = psutil.Process(daemon.pid).memory_info().rss / 1e6
            await daemon.stop()
            starts = []
            for _ in range(5):
                starts.append(await first_answer(daemon))
                idle = psutil.Process(daemon.pid).memory_info().rss / 1e6
                await daemon.stop()
            await daemon.start()
        start = sorted(starts)[2]
        print(f"idle RSS {idle:.0f} MB (goal {RSS_GOAL_MB}: {'met' if idle <= RSS_GOAL_MB else 'MISSED'}), "
              f"{after_deploys:.0f} MB right after three deployments")  # fmt: skip
        print(f"start to first proxied request {start:.2f} s, worst {max(starts):.2f} "
              f"(goal {START_GOAL_SECONDS}: {'met' if start <= START_GOAL_SECONDS else 'MISSED'})")  # fmt: skip
        if idle > RSS_GOAL_MB or start > START_GOAL_SECONDS:
            raise SystemExit(1)


def main() -> None:
    uvloop.run(run())


if __name__ == "__main__":
    main()
