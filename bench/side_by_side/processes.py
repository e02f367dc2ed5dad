"""Starts the servers of a bench, each on its core, and asks what they used."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

PROXY_CORE, LOAD_CORE = "0", "1"
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0

Door = tuple[int, str]
"""A port and a host name that is answered 200 there when everything is up."""


def which(name: str) -> str:
    return shutil.which(name, path=_PATH) or ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], core: str, output: Path, doors: Sequence[Door]) -> Iterator[int]:
    """The process id of a server that answers at all its doors."""
    with output.open("wb") as file:
        process = subprocess.Popen(["taskset", "-c", core, *command], stdout=file, stderr=subprocess.STDOUT)
    try:
        for door in doors:
            _wait_for(door, process, output)
        yield process.pid
    finally:
        _end(process)


def _wait_for(door: Door, process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(*door):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args!r} does not answer for {door[1]}:\n{output.read_text()[-4_000:]}")


def _answers(port: int, host: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host.encode())
            return sock.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(children, timeout=_STOP_SECONDS)[1]:
        child.kill()


def on_load_core(command: Sequence[str], seconds: float) -> str:
    """What a load generator printed; it has that long beyond the time it loads for."""
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command], check=True, capture_output=True, text=True, timeout=seconds + 60
    )
    return done.stdout


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    return float(sum(one.cpu_times().user + one.cpu_times().system for one in _family(pid)))


def rss_kib(pid: int) -> float:
    return float(sum(one.memory_info().rss for one in _family(pid))) / 1024


def _family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
