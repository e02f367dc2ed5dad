"""What is measured, on whom, and what deployd is to reach: a table as data."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from bench.side_by_side.contenders import APP, LARGE_FILE, SECURE, SINK, SITE, SMALL_FILE, Contender
from bench.side_by_side.processes import LOAD_CORE, cpu_seconds, on_load_core, rss_kib
from bench.side_by_side.wrk import Load, load

CONNECTIONS = 64
IDLE = 10_000
_OPEN_SECONDS = 120

Figures = dict[str, float]
Run = Callable[[Contender, int, Path], Figures]


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Of a figure, as a ratio to a peer's in the same round, or as it is when `against` is empty."""

    figure: str
    against: str = "nginx"
    at_least: float | None = None
    at_most: float | None = None


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    run: Run
    goals: tuple[Goal, ...]
    on: tuple[str, ...] = ("nginx", "deployd")
    fresh: bool = False
    """Whether it needs processes that did nothing before: what they gave back would hide what they take."""


def _by_wrk(what: Load) -> Run:
    def run(one: Contender, seconds: int, folder: Path) -> Figures:
        port = one.https if what.secure else one.http
        load(port, what, 1, folder)
        before = cpu_seconds(one.pid)
        report = load(port, what, seconds, folder)
        used = cpu_seconds(one.pid) - before
        if report.errors:
            print(f"{one.name} made {report.errors} errors of {report.requests} requests for {what.host}{what.path}.")
        return {
            "requests/s": report.per_second,
            "CPU µs": used * 1e6 / max(1, report.requests),
            "p99 ms": report.p99_ms,
            "core %": 100 * used / seconds,
        }

    return run


def _websockets(one: Contender, seconds: int, folder: Path) -> Figures:
    command = [sys.executable, "-m", "bench.side_by_side.websockets", str(one.http), SINK, str(CONNECTIONS)]
    on_load_core([*command, "1"], 1)
    before = cpu_seconds(one.pid)
    count, per_second, p99_ms = map(float, on_load_core([*command, str(seconds)], seconds).split())
    used = cpu_seconds(one.pid) - before
    return {
        "messages/s": per_second,
        "CPU µs": used * 1e6 / max(1.0, count),
        "p99 ms": p99_ms,
        "core %": 100 * used / seconds,
    }


def _idle(one: Contender, seconds: int, folder: Path) -> Figures:
    """Memory for each idle connection, and what they do to the others: medians of three runs without and with them."""
    active = _by_wrk(Load(host=APP))

    def three() -> Figures:
        runs = [active(one, seconds, folder) for _ in range(3)]
        return {figure: median(run[figure] for run in runs) for figure in runs[0]}

    without = three()
    before = rss_kib(one.pid)
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.side_by_side.idle", str(one.http), APP]
    holder = subprocess.Popen([*command, str(IDLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise ValueError(f"{one.name} does not take {IDLE} connections")
        after = rss_kib(one.pid)
        beside = three()
    finally:
        holder.communicate(timeout=_OPEN_SECONDS)
    return {
        "KiB each": (after - before) / IDLE,
        "p99 with / without": beside["p99 ms"] / without["p99 ms"],
        "CPU with / without": beside["CPU µs"] / without["CPU µs"],
        "core %": beside["core %"],
    }


_BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Connection: keep-alive",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Upgrade-Insecure-Requests: 1",
)
_EACH_ITS_PATH = "n = 0\nrequest = function() n = n + 1; return wrk.format('GET', '/page/' .. n) end\n"
_UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("0123456789", 1048576)\n'

_RATE, _CPU = Goal(figure="requests/s"), Goal(figure="CPU µs")


def _rate(least: float) -> Goal:
    return Goal(figure="requests/s", at_least=least)


MEASURES = (
    Measure(
        name="small",
        title="small responses",
        run=_by_wrk(Load(host=APP)),
        on=("nginx", "haproxy", "caddy", "deployd"),
        goals=(
            _rate(1.0),
            Goal(figure="CPU µs", at_most=1.1),
            Goal(figure="p99 ms", at_most=1.0),
            Goal(figure="requests/s", against="caddy", at_least=3.0),
            Goal(figure="requests/s", against="haproxy"),
            Goal(figure="CPU µs", against="haproxy"),
        ),
    ),
    Measure(
        name="browser",
        title="small, a browser's fields, each its path",
        run=_by_wrk(Load(host=APP, fields=_BROWSER, lua=_EACH_ITS_PATH)),
        goals=(_RATE, _CPU),
    ),
    Measure(
        name="download", title="1 MiB responses", run=_by_wrk(Load(host=APP, path="/mib.bin")), goals=(_rate(0.9), _CPU)
    ),
    Measure(
        name="upload",
        title="10 MiB uploads",
        run=_by_wrk(Load(host=SINK, connections=16, lua=_UPLOAD)),
        goals=(_rate(0.9), _CPU),
    ),
    Measure(name="tls", title="TLS, small", run=_by_wrk(Load(host=SECURE, secure=True)), goals=(_rate(0.6), _CPU)),
    Measure(
        name="static", title="static 10 KiB", run=_by_wrk(Load(host=SITE, path=SMALL_FILE)), goals=(_rate(0.7), _CPU)
    ),
    Measure(name="large", title="static 10 MiB", run=_by_wrk(Load(host=SITE, path=LARGE_FILE)), goals=(_RATE, _CPU)),
    Measure(
        name="websocket",
        title="WebSocket echo 1 KiB",
        run=_websockets,
        goals=(Goal(figure="messages/s", at_least=0.8), _CPU),
    ),
    Measure(
        name="idle",
        title=f"{IDLE:,} idle connections",
        run=_idle,
        fresh=True,
        goals=(
            Goal(figure="KiB each", against="", at_most=12.0),
            Goal(figure="p99 with / without", against="", at_most=1.2),
            Goal(figure="p99 with / without"),
            Goal(figure="CPU with / without", against=""),
        ),
    ),
)
