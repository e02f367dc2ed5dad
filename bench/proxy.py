"""A whole deployd beside nginx, haproxy and Caddy, measure by measure: `python -m bench.proxy [--only small tls]`.

All run at the same time on core 0, of which only the one that is asked uses anything; the load and the backends share
core 1. The contenders take turns within each round, and a ratio is one of the same round; shown are medians. Where the
load's core is the narrower one the rates say little: there CPU per request compares the proxies.
"""

import argparse
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.side_by_side.contenders import COMMANDS, Contender, Ground, contender, ground, installed, version
from bench.side_by_side.measures import MEASURES, Goal, Measure
from bench.side_by_side.processes import which
from bench.side_by_side.verdicts import Line, Round, lines


def main() -> None:
    options = _options()
    absent = [name for name in ("wrk", "taskset", "nginx", "git") if not which(name)]
    if absent:
        sys.exit(f"bench.proxy needs {', '.join(absent)}: apt-get install wrk util-linux nginx-light git")
    chosen = [measure for measure in MEASURES if not options.only or measure.name in options.only]
    wanted = {name for measure in chosen for name in measure.on}
    names = installed([name for name in COMMANDS if name in wanted])
    _raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="bench-proxy-") as folder, ExitStack() as stack:
        ready = stack.enter_context(ground(Path(folder)))
        contenders = {name: stack.enter_context(contender(name, ready)) for name in names}
        rounds = [
            {measure.name: _round(measure, contenders, options.seconds, ready) for measure in chosen}
            for _ in range(options.rounds)
        ]
    print(_machine(names))
    _show(chosen, rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="how long each run loads, after a second of warming up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=[measure.name for measure in MEASURES])
    return parser.parse_args()


def _raise_file_limit() -> None:
    """For everything that is started from here: 10,000 connections need as many descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _round(measure: Measure, contenders: Mapping[str, Contender], seconds: int, ready: Ground) -> Round:
    figures = {}
    for name in measure.on:
        if name not in contenders:
            continue
        if measure.fresh:
            with contender(name, ready) as fresh:
                figures[name] = measure.run(fresh, seconds, ready.folder)
        else:
            figures[name] = measure.run(contenders[name], seconds, ready.folder)
    return figures


def _machine(names: Iterable[str]) -> str:
    versions = "; ".join(version(name) for name in (*(name for name in names if name != "deployd"), "wrk"))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"load {load} (this bench makes 2 of it)\n{versions}"
    )


def _show(chosen: Sequence[Measure], rounds: Sequence[Mapping[str, Round]]) -> None:
    table = Table("measure", "figure", "goal", "peer", "deployd", "ratio", "spread", "core %", "")
    for measure in chosen:
        title = measure.title
        for line in lines(measure, [each[measure.name] for each in rounds]):
            table.add_row(title, *_cells(line))
            title = ""
    Console(width=170).print(table)


def _cells(line: Line) -> tuple[str, ...]:
    peer = f"{line.goal.against} {line.peer:,.1f}" if line.peer is not None else ""
    ratio = f"{line.ratio:.2f}" if line.peer is not None else ""
    spread = f"{line.least:.2f} to {line.most:.2f}"
    busy = f"{line.busy[0]:.0f}, {line.busy[1]:.0f}" if line.busy is not None else ""
    return line.goal.figure, _wording(line.goal), peer, f"{line.own:,.1f}", ratio, spread, busy, line.verdict


def _wording(goal: Goal) -> str:
    unit = f" of {goal.against}'s" if goal.against else ""
    if goal.at_least is not None:
        return f"≥ {goal.at_least:g}{unit}"
    return f"≤ {goal.at_most:g}{unit}" if goal.at_most is not None else ""


if __name__ == "__main__":
    main()
