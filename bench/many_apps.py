"""Two thousand apps in deployd.toml: the first start, one more app by an edit, the list of all.

Each app hands its visitors on to one server that runs already, so that nothing is built. For how long the event loop
was held up is what deployd itself says in its log. It fails when a goal is missed.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.support.daemon import Daemon

APPS = 2_000
START_SECONDS, EDIT_SECONDS, LIST_MS = 5.0, 1.0, 100.0
"""The goals."""

_TABLE = '[apps.app-{number}]\nupstream = "127.0.0.1:{port}"\n'
_LISTS = 5


async def _measure(apps: int) -> bool:
    """Whether the goals were met."""
    async with _upstream() as port, aiohttp.ClientSession() as session:
        with tempfile.TemporaryDirectory(prefix="deployd-many-") as folder:
            tables = "".join(_TABLE.format(number=number, port=port) for number in range(apps))
            daemon = Daemon(Path(folder), apps_toml=tables)
            began = time.perf_counter()
            await daemon.start()
            print(f"first answer of the API          {time.perf_counter() - began:8.2f} s")
            await _served(session, daemon, apps - 1)
            met = [_said(f"all {apps:,} apps answer", time.perf_counter() - began, START_SECONDS, "s")]
            began = time.perf_counter()
            daemon.write_config(tables + _TABLE.format(number=apps, port=port))
            await _served(session, daemon, apps)
            met.append(_said("one more by an edit", time.perf_counter() - began, EDIT_SECONDS, "s"))
            lists = []
            for _ in range(_LISTS):
                began = time.perf_counter()
                await daemon.api("GET", "/api/v1/apps")
                lists.append((time.perf_counter() - began) * 1000)
            print(f"GET /apps for the first time     {lists[0]:8.0f} ms")
            met.append(_said("GET /apps, the median", sorted(lists)[_LISTS // 2], LIST_MS, "ms"))
            await daemon.stop()
            began = time.perf_counter()
            await daemon.start()
            await _served(session, daemon, apps)
            met.append(_said("all answer after a restart", time.perf_counter() - began, START_SECONDS, "s"))
            await daemon.stop()
            for line in (Path(folder) / "daemon.log").read_text().splitlines():
                if "held up" in line:
                    print(f"  {line}")
            return all(met)


def _said(what: str, figure: float, goal: float, unit: str) -> bool:
    met = figure <= goal
    print(f"{what:<30}   {figure:8.2f} {unit} (goal {goal:g}: {'met' if met else 'MISSED'})")
    return met


async def _served(session: aiohttp.ClientSession, daemon: Daemon, number: int) -> None:
    url, headers = f"http://127.0.0.1:{daemon.http_port}/", {"Host": f"app-{number}.test"}
    async with asyncio.timeout(600):
        while True:
            async with session.get(url, headers=headers) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.01)


class _upstream:
    async def __aenter__(self) -> int:
        async def hello(_: web.Request) -> web.Response:
            return web.Response(text="hello")

        app = web.Application()
        app.router.add_get("/", hello)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def __aexit__(self, *failure: object) -> None:
        await self._runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--apps", type=int, default=APPS)
    raise SystemExit(0 if asyncio.run(_measure(parser.parse_args().apps)) else 1)
