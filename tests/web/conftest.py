"""The bench for every test of the web edges."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.bench import Bench, Client, over_socket, over_tcp, serving


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(tmp_path, control_host="panel.test") as served:
        yield served


@pytest.fixture
async def owner(bench: Bench) -> AsyncIterator[Client]:
    """Over the unix socket, where everything is allowed."""
    async with over_socket(bench.socket_path) as client:
        yield client


@pytest.fixture
async def neighbour(bench: Bench) -> AsyncIterator[Client]:
    """Over the loopback admin listener."""
    async with over_tcp(bench.admin) as client:
        yield client


@pytest.fixture
async def stranger(bench: Bench) -> AsyncIterator[Client]:
    """Over connections such as the proxy has to the control host."""
    listener = await asyncio.get_running_loop().create_server(bench.server.control, "127.0.0.1", 0)
    async with listener, over_tcp(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}") as client:
        yield client
