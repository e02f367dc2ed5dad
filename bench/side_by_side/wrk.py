"""Loads a proxy with wrk and reads its report."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.side_by_side.processes import on_load_core, which

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk is to ask for; `lua` is a script of its own, see wrk's README."""

    path: str = "/"
    host: str
    secure: bool = False
    connections: int = 64
    fields: tuple[str, ...] = ()
    lua: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    per_second: float
    p99_ms: float
    errors: int


def load(port: int, what: Load, seconds: int, folder: Path) -> Report:
    command = [which("wrk"), "-t1", f"-c{what.connections}", f"-d{seconds}s", "--timeout", "20s", "--latency"]
    for field in what.fields:
        command += ["-H", field]
    if what.lua:
        script = folder / "wrk.lua"
        script.write_text(what.lua)
        command += ["-s", str(script)]
    if what.secure:  # the name in the handshake is that of the URL
        command.append(f"https://{what.host}:{port}{what.path}")
    else:
        command += ["-H", f"Host: {what.host}", f"http://127.0.0.1:{port}{what.path}"]
    return parse(on_load_core(command, seconds))


def parse(text: str) -> Report:
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    number, unit = _find(r"99%\s+([\d.]+)(us|ms|s)", text)
    return Report(
        requests=int(_find(r"(\d+) requests in", text)[0]),
        per_second=float(_find(r"Requests/sec:\s+([\d.]+)", text)[0]),
        p99_ms=float(number) * _UNITS[unit],
        errors=(int(failed[1]) if failed else 0) + (sum(map(int, broken.groups())) if broken else 0),
    )


def _find(pattern: str, text: str) -> Sequence[str]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"wrk did not report {pattern!r}:\n{text}")
    return match.groups()
