"""A served bench, and the command line run against its socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.proxy import ProxyActor
from deployd.cli.main import cli
from deployd.proxy.proxy import Proxy
from tests.deployd.proxy.rig import no_control
from tests.support.actor_runner import running
from tests.web.bench import Bench, serving


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Coroutine[Any, Any, Ran]]


def run_here(*argv: str, stdin: str = "") -> Ran:
    result = CliRunner().invoke(cli, list(argv), input=stdin, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(tmp_path) as served:
        yield served


@pytest.fixture
def run(bench: Bench) -> Run:
    """In a thread: the verbs block, the daemon's loop must go on."""

    async def run(*argv: str, stdin: str = "") -> Ran:
        return await asyncio.to_thread(run_here, *argv, "--data-dir", str(bench.socket_path.parent), stdin=stdin)

    return run


@pytest.fixture
async def proxy(bench: Bench) -> AsyncIterator[Proxy]:
    """Behind the bench's desk, with a real actor in between."""
    proxy = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)
    async with running(lambda ref: ProxyActor(ref, proxy, bench.stores.routes), bench.desk.proxy):
        yield proxy
    await proxy.close(0)
