"""Every test of the proxy runs on the loop that deployd runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import QUICK_RECORDS, Bench, Control, MakeBench, no_control


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def make_bench() -> AsyncIterator[MakeBench]:
    made: list[Bench] = []

    async def make(
        *,
        control: Control = no_control,
        trusted: frozenset[str] = frozenset(),
        limits: ProxyLimits = QUICK_RECORDS,
        proxy_protocol: bool = False,
        http2: bool = False,
    ) -> Bench:
        bench = Bench(limits, control, trusted, proxy_protocol, http2)
        made.append(bench)
        bench.port = await bench.proxy.listen("127.0.0.1", 0)
        return bench

    yield make
    for bench in made:
        await bench.proxy.close(0)


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench()
