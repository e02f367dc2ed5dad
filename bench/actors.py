"""How many messages per second an actor takes, beside pykka, in one run: `python bench/actors.py`."""

import asyncio
from time import perf_counter

import pykka
import uvloop
from rich.console import Console
from rich.table import Table

from deployd.kernel.actor import Actor
from deployd.kernel.message import Message, Request
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, Supervisor

TELLS = 200_000
ASKS = 20_000
ROUNDS = 5
GOAL = 4.0


class Bump(Message, frozen=True, kw_only=True):
    """Counts one."""


class Total(Request[int], frozen=True, kw_only=True):
    """Answered with the count."""


class Counter(Actor[Bump | Total]):
    def __init__(self, ref: Ref[Bump | Total]) -> None:
        super().__init__(ref)
        self._count = 0

    async def handle(self, message: Bump | Total) -> object:
        match message:
            case Bump():
                self._count += 1
                return None
            case Total():
                return self._count


class PykkaCounter(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def on_receive(self, message: object) -> object:
        match message:
            case Bump():
                self._count += 1
                return None
            case _:
                return self._count


async def measure_deployd() -> tuple[float, float]:
    """Tells and asks per second; a tell counts once it is handled."""
    ref: Ref[Bump | Total] = Ref("counter", capacity=TELLS + 1)
    supervisor = Supervisor("bench", [ChildSpec(ref=ref, build=Counter)])
    await supervisor.start()
    started = perf_counter()
    for _ in range(TELLS):
        ref.tell(Bump())
    assert await ref.ask(Total(), 60) == TELLS
    told = perf_counter()
    for _ in range(ASKS):
        await ref.ask(Total(), 60)
    asked = perf_counter()
    await supervisor.stop()
    return TELLS / (told - started), ASKS / (asked - told)


def measure_pykka() -> tuple[float, float]:
    ref = PykkaCounter.start()
    try:
        started = perf_counter()
        for _ in range(TELLS):
            ref.tell(Bump())
        assert ref.ask(Total()) == TELLS
        told = perf_counter()
        for _ in range(ASKS):
            ref.ask(Total())
        asked = perf_counter()
    finally:
        ref.stop()
    return TELLS / (told - started), ASKS / (asked - told)


def main() -> None:
    """Best of several rounds, taken in turn: a busy machine only ever makes a round slower."""
    ours, theirs = [], []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(ROUNDS):
            ours.append(runner.run(measure_deployd()))
            theirs.append(measure_pykka())
    table = Table("per second", "deployd", "pykka", "ratio", "goal", title="Messages to one actor")
    for column, what in enumerate(("tell, handled", "ask, answered")):
        mine, other = (max(rates[column] for rates in rounds) for rounds in (ours, theirs))
        table.add_row(what, f"{mine:,.0f}", f"{other:,.0f}", f"{mine / other:.1f}x", f">= {GOAL:g}x")
    Console().print(table)


if __name__ == "__main__":
    main()
