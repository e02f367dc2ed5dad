"""What it costs to find a request's app among 10 to 10,000 hosts: `python -m bench.routing`."""

import asyncio
from collections.abc import Callable
from random import Random
from time import perf_counter

from rich.console import Console
from rich.table import Table

from deployd.domain.ids import AppName
from deployd.proxy.proxy import Proxy
from deployd.proxy.route_table import RouteTable
from deployd.proxy.service import Service

SIZES = (10, 100, 1_000, 10_000)
ASKED = 10
LOOKS = 50_000
ROUNDS = 15
GOAL = 1.10
HOSTS = "{}.apps.example.com"

Question = tuple[bytes, bytes]


def _never() -> asyncio.Protocol:
    raise AssertionError("nothing is listened for")


async def _services() -> list[Service]:
    proxy = Proxy(control_hosts=frozenset(), control=_never, on_access=lambda _: None)
    return [Service(AppName(f"app-{number}"), proxy._plane) for number in range(SIZES[-1])]


def _table(services: list[Service], size: int, form: str) -> RouteTable:
    table = RouteTable(frozenset({b"deployd.example.com"}))
    for number, service in enumerate(services[:size]):
        table = table.holding((form.format(number),), service)
    return table


def _questions(size: int, form: str, path: bytes, count: int) -> list[Question]:
    """As a server gets them: each in bytes of its own."""
    numbers = Random(7).sample(range(size), min(size, count))
    return [(form.format(number).replace("*", "www").encode(), path) for number in numbers]


def _nanoseconds(find: Callable[[bytes, bytes], Service | None], questions: list[Question]) -> float:
    times = LOOKS // len(questions)
    started = perf_counter()
    for _ in range(times):
        for host, path in questions:
            find(host, path)
    return (perf_counter() - started) / (times * len(questions)) * 1e9


def _costs(tables: dict[int, RouteTable], place: str, path: bytes, count: int) -> list[float]:
    """By size, each of its fastest round: the others say more about what else the machine does."""
    questions = {size: _questions(size, place, path, count) for size in SIZES}
    rounds = [[_nanoseconds(tables[size].find, questions[size]) for size in SIZES] for _ in range(ROUNDS)]
    return [min(costs) for costs in zip(*rounds, strict=True)]


def main() -> None:
    services = asyncio.run(_services())
    kinds = {
        "host": (HOSTS, b"/a/b?c"),
        "host and prefix": (HOSTS + "/api", b"/api/b?c"),
        "wildcard": ("*." + HOSTS, b"/a/b?c"),
    }
    shown = Table("ns for a look", *(f"{size:,} hosts" for size in SIZES), "most / least")
    worst = 0.0
    for kind, (form, path) in kinds.items():
        place = form.partition("/")[0]
        tables = {size: _table(services, size, form) for size in SIZES}
        for label, count in ((f"{kind}, {ASKED} of them asked for", ASKED), (f"{kind}, all asked for", SIZES[-1])):
            costs = _costs(tables, place, path, count)
            ratio = costs[-1] / costs[0]
            if count == ASKED:
                worst = max(worst, ratio)
            shown.add_row(label, *(f"{cost:,.0f}" for cost in costs), f"{ratio:.2f}")
    Console(width=140).print(shown)
    print(f"10,000 hosts cost {worst:.2f} times what 10 do (goal: at most {GOAL}), for the same number of busy hosts.")


if __name__ == "__main__":
    main()
