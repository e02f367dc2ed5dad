"""The control host of a whole deployd: beside the apps on the same connections, and open streams hold up no end."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.deployd.proxy.wire import answering, connected, get, upstream
from tests.support.daemon import Daemon, running_daemon

pytestmark = pytest.mark.e2e
HOST = "deployd.test"


async def test_visitors_of_an_app_are_not_turned_away_for_a_visit_to_the_control_host(tmp_path: Path) -> None:
    """As behind a proxy that keeps its connections: requests of different people come over the same one."""
    async with upstream(answering()) as app:
        apps = f'[apps.a]\nupstream = "{app.address}"\n'
        async with running_daemon(tmp_path, apps_toml=apps) as daemon:
            async with asyncio.timeout(10):
                while (await daemon.get("a.test"))[0] != 200:
                    await asyncio.sleep(0.02)
            async with connected(daemon.http_port) as client:
                for host, status in (("a.test", 200), (HOST, 401), ("a.test", 200), (HOST, 401), ("a.test", 200)):
                    await client.send(get("/", host=host))
                    assert (await client.response()).status == status


async def test_a_deployd_that_stops_ends_the_streams_of_the_control_host_and_does_not_wait_for_them(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path)
    await daemon.start()
    try:
        _, made = await daemon.api("POST", "/api/v1/tokens", {"name": "viewer"})
        headers = {"Host": HOST, "Authorization": f"Bearer {made['token']}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{daemon.http_port}", headers=headers) as session:
            socket = await session.ws_connect("/api/v1/logs/stream?after=0")
            events = await session.get("/api/v1/logs/events?after=0")
            assert "lines" in await socket.receive_json(timeout=5)
            assert await events.content.readline() == b"retry: 2000\n"
            async with asyncio.timeout(8):
                await daemon.stop()
            while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.data == aiohttp.WSCloseCode.GOING_AWAY
            assert b"data:" in await events.read()  # A cut one would raise.
    finally:
        await daemon.stop()
