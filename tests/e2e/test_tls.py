"""A whole deployd with https and a real authority: from a deployed app to a verified certificate."""

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.actors.certificates.world import client, served_chain
from tests.support.daemon import Daemon
from tests.support.git_http import serve_git
from tests.support.pebble import Pebble, pebble
from tests.support.ports import free_port
from tests.support.repos import repo_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAME = "shop.example.com"


@asynccontextmanager
async def deployd_with_tls(folder: Path) -> AsyncIterator[tuple[Daemon, Pebble, int]]:
    port = free_port()
    daemon = Daemon(folder, server_toml=f'https = "127.0.0.1:{port}"')
    async with pebble(folder / "pebble", daemon.http_port, port) as authority:
        daemon.write_config(
            f'[tls]\nacme = true\ndirectory = "{authority.directory}"\nca_file = "{authority.ca_file}"\n'
        )
        await daemon.start()
        try:
            yield daemon, authority, port
        finally:
            try:
                await daemon.remove_all()
            finally:
                await daemon.stop()


async def until_served(port: int, name: str, root: str) -> bytes:
    async with asyncio.timeout(60):
        while True:
            try:
                return await served_chain(port, name, root)
            except OSError:
                await asyncio.sleep(0.1)


async def test_a_deployed_app_gets_its_certificate_and_keeps_it_in_the_next_process(tmp_path: Path) -> None:
    repo_of("plain-html", tmp_path / "repos" / "app")
    async with deployd_with_tls(tmp_path) as (daemon, authority, port), serve_git(tmp_path / "repos") as base_url:
        await daemon.create_app("shop", f"{base_url}/app", domains=[NAME])
        assert (await daemon.deploy("shop"))["outcome"] == "live"
        leaf = await until_served(port, NAME, authority.root)
        await until_served(port, "deployd.test", authority.root)
        async with aiohttp.ClientSession(connector=client(authority.root)) as session:
            async with session.get(f"https://{NAME}:{port}/") as answer:
                assert (answer.status, "Hello from plain HTML" in await answer.text()) == (200, True)
            async with session.get(f"https://deployd.test:{port}/livez") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
            async with session.get(f"http://{NAME}:{daemon.http_port}/a?b", allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (308, f"https://{NAME}:{port}/a?b")
        _, shown = await daemon.api("GET", "/api/v1/apps/shop")
        assert shown["urls"] == [f"https://{NAME}:{port}/"]
        _, metrics = await daemon.api("GET", "/metrics")
        assert f'deployd_certificate_expiry_timestamp_seconds{{name="{NAME}"}}' in metrics
        _, ready = await daemon.api("GET", "/readyz")
        assert [text for text in ready["warnings"] if "certificate" in text] == []

        await daemon.reload()  # A new process, which has nothing but the database.
        assert await served_chain(port, NAME, authority.root) == leaf
        assert authority.said().count("Added order") == 2
    with sqlite3.connect(tmp_path / "data" / "deployd.db") as database:
        kept = "".join(database.iterdump())
    database.close()
    assert "BEGIN CERTIFICATE" in kept
    assert "PRIVATE KEY" not in kept


async def test_a_name_without_a_certificate_gets_no_handshake_and_its_app_is_served_without_tls(tmp_path: Path) -> None:
    repo_of("plain-html", tmp_path / "repos" / "app")
    async with deployd_with_tls(tmp_path) as (daemon, authority, port), serve_git(tmp_path / "repos") as base_url:
        await daemon.create_app("home", f"{base_url}/app", domains=["home.localhost"])
        assert (await daemon.deploy("home"))["outcome"] == "live"
        assert (await daemon.get("home.localhost"))[0] == 200
        _, shown = await daemon.api("GET", "/api/v1/apps/home")
        assert shown["urls"] == [f"http://home.localhost:{daemon.http_port}/"]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await served_chain(port, "home.localhost", authority.root)
        assert "home.localhost" not in authority.said()
