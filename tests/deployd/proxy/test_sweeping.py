"""What is silent for too long is ended, however many there are, and nobody waits for all of them to be looked at."""

import asyncio

from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import MakeBench

COUNT = 1_000


class Quiet:
    """A connection that notes when it is looked at."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    def sweep(self, now: float) -> None:
        self._log.append("swept")

    def close_idle(self) -> None: ...

    def abort(self) -> None: ...


async def test_others_get_their_turn_while_many_connections_are_looked_at(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(sweep_seconds=0.05))
    log: list[str] = []
    quiet = [Quiet(log) for _ in range(COUNT)]
    bench.proxy._plane.connections.update(quiet)
    try:
        async with asyncio.timeout(5):
            while log.count("swept") < COUNT:
                await asyncio.sleep(0)
                if log and log[-1] == "swept":
                    log.append("a turn")
    finally:
        bench.proxy._plane.connections.difference_update(quiet)
    assert log.index("a turn") < COUNT / 2


async def test_who_left_meanwhile_is_not_looked_at(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(sweep_seconds=0.05))
    log: list[str] = []
    quiet = [Quiet(log) for _ in range(COUNT)]
    bench.proxy._plane.connections.update(quiet)
    async with asyncio.timeout(5):
        while not log:
            await asyncio.sleep(0)
    first = len(log)
    later: list[str] = []
    bench.proxy._plane.connections.difference_update(quiet)
    bench.proxy._plane.connections.add(marker := Quiet(later))
    async with asyncio.timeout(5):
        while not later:  # the next sweep has begun, so the one before is over
            await asyncio.sleep(0.001)
    bench.proxy._plane.connections.discard(marker)
    assert len(log) == first < COUNT
