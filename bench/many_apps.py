"""Two thousand apps in deployd.toml: the first start, one more app by an edit, the list of all.

Each app hands its visitors on to one server that runs already, so that nothing is built. It fails when the event loop
was held up, as deployd itself says in its log.
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
_TABLE = '[apps.app-{number}]\nupstream = "127.0.0.1:{port}"\n'


async def _measure(apps: int) -> None:
    async with _upstream() as port, aiohttp.ClientSession() as session:
        with tempfile.TemporaryDirectory(prefix="deployd-many-") as folder:
            tables = "".join(_TABLE.format(number=number, port=port) for number in range(apps))
            daemon = Daemon(Path(folder), apps_toml=tables)
            began = time.perf_counter()
            await daemon.start()
            print(f"first answer of the API          {time.perf_counter() - began:8.2f} s")
            await _served(session, daemon, apps - 1)
            print(f"all {apps:,} apps answer           {time.perf_counter() - began:8.2f} s")
            began = time.perf_counter()
            daemon.write_config(tables + _TABLE.format(number=apps, port=port))
            await _served(session, daemon, apps)
            print(f"one more by an edit              {time.perf_counter() - began:8.2f} s")
            for _ in range(3):
                began = time.perf_counter()
                _, body = await daemon.api("GET", "/api/v1/apps")
                print(
                    f"GET /apps of {len(body['apps']):,}                {(time.perf_counter() - began) * 1000:8.0f} ms"
                )
            await daemon.stop()
            began = time.perf_counter()
            await daemon.start()
            await _served(session, daemon, apps)
            print(f"all answer after a restart       {time.perf_counter() - began:8.2f} s")
            await daemon.stop()
            held_up = [line for line in (Path(folder) / "daemon.log").read_text().splitlines() if "held up" in line]
            if held_up:
                raise SystemExit("\n".join(held_up))


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
    asyncio.run(_measure(parser.parse_args().apps))
