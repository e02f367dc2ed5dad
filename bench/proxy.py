"""nginx, haproxy, Caddy and deployd as reverse proxies, side by side: `python -m bench.proxy [--seconds 4]`.

Each proxy has core 0 for itself and writes an access log; the load generator and the backend share core 1. Everything
is on loopback, in a temporary folder, and ended before the next begins. The other core can be the narrower one, so CPU
per request is the figure that compares the proxies; requests/s counts what came through.
"""

import argparse
import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import uvloop

from deployd.domain.ids import AppName
from deployd.domain.route import Address, Route
from deployd.proxy.access import AccessRecord
from deployd.proxy.proxy import Proxy

HOST = "app.localhost"
PROXY_CORE, LOAD_CORE = "0", "1"
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


class Result(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    per_second: float
    cpu_us: float
    p99_ms: float
    errors: int


NGINX = """
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.err;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; keepalive_requests 100000000; {http}
}}
"""
NGINX_BACKEND = """access_log off;
  server {{ listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type text/plain; return 200 "hello, world\\n"; }} }}"""
NGINX_PROXY = """access_log {dir}/access.log;
  upstream app {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=1024; server_name app.localhost; location / {{
    proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-ID $request_id; }} }}"""
HAPROXY = """
global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse safe
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port}
  unique-id-format %[uuid()]
  unique-id-header X-Request-ID
  use_backend app if {{ hdr(host) -i app.localhost }}
backend app
  server one 127.0.0.1:{backend}
"""
CADDY = """
{{
  admin off
  auto_https off
  log default {{
    output file {dir}/caddy-system.log
  }}
}}
http://app.localhost:{port} {{
  bind 127.0.0.1
  log {{
    output file {dir}/caddy.log
  }}
  reverse_proxy 127.0.0.1:{backend}
}}
"""


def main() -> None:
    options = _options()
    if options.serve:
        port, backend = options.serve
        uvloop.run(_serve(port, backend, Path(options.log)))
        return
    if not _which("wrk") or not _which("taskset"):
        sys.exit("bench.proxy needs wrk and taskset: apt-get install wrk util-linux")
    with tempfile.TemporaryDirectory(prefix="bench-proxy-") as folder:
        results = [result for result in _measure_all(Path(folder), options) if result is not None]
    _show(results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1, help="repeat and keep each proxy's best round")
    parser.add_argument("--vary", action="store_true", help="every request has its own path")
    parser.add_argument("--browser", action="store_true", help="send the fields that a browser sends")
    parser.add_argument("--only", nargs="*", help="names of the proxies to measure")
    parser.add_argument("--serve", nargs=2, type=int, metavar=("PORT", "BACKEND"), help=argparse.SUPPRESS)
    parser.add_argument("--log", default=os.devnull, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure_all(folder: Path, options: argparse.Namespace) -> Iterator[Result | None]:
    backend_port = _free_port()
    with _backend(folder, backend_port):
        for name, command in _contenders(folder, backend_port).items():
            if options.only and name not in options.only:
                continue
            if command is None:
                print(f"{name}: not installed, left out")
                continue
            rounds = [_measure(name, command, folder, options) for _ in range(options.rounds)]
            yield max(rounds, key=lambda result: result.per_second)


def _contenders(folder: Path, backend: int) -> dict[str, Callable[[int], list[str]] | None]:
    """Each as a function from the port to the command that serves there."""

    def nginx(port: int) -> list[str]:
        return _nginx(folder, "nginx", NGINX_PROXY.format(dir=folder, port=port, backend=backend))

    def haproxy(port: int) -> list[str]:
        file = _write(folder / "haproxy.cfg", HAPROXY.format(port=port, backend=backend))
        return [_which("haproxy"), "-db", "-f", str(file)]

    def caddy(port: int) -> list[str]:
        file = _write(folder / "Caddyfile", CADDY.format(dir=folder, port=port, backend=backend))
        return ["env", "GOMAXPROCS=1", _which("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]

    def deployd(port: int) -> list[str]:
        log = str(folder / "deployd.log")
        return [sys.executable, "-m", "bench.proxy", "--serve", str(port), str(backend), "--log", log]

    return {
        "nginx": nginx if _which("nginx") else None,
        "haproxy": haproxy if _which("haproxy") else None,
        "caddy": caddy if _which("caddy") else None,
        "deployd": deployd,
    }


def _measure(name: str, command: Callable[[int], list[str]], folder: Path, options: argparse.Namespace) -> Result:
    port = _free_port()
    with _running(command(port), PROXY_CORE, port, folder / f"{name}.out") as process:
        _load(port, folder, options, seconds=1)
        before = _cpu_seconds(process.pid)
        report = _load(port, folder, options, seconds=options.seconds)
        used = _cpu_seconds(process.pid) - before
    return _result(name, report, used)


def _load(port: int, folder: Path, options: argparse.Namespace, seconds: int) -> str:
    command = ["taskset", "-c", LOAD_CORE, _which("wrk"), "-t1", f"-c{options.connections}", f"-d{seconds}s"]
    command += ["--latency", "-H", f"Host: {HOST}"]
    if options.browser:
        for line in BROWSER_FIELDS:
            command += ["-H", line]
    if options.vary:
        script = "n = 0\nrequest = function() n = n + 1; return wrk.format('GET', '/page/' .. n) end\n"
        command += ["-s", str(_write(folder / "vary.lua", script))]
    return subprocess.run([*command, f"http://127.0.0.1:{port}/"], check=True, capture_output=True, text=True).stdout


BROWSER_FIELDS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Connection: keep-alive",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Upgrade-Insecure-Requests: 1",
)


def _result(name: str, report: str, cpu_seconds: float) -> Result:
    requests = int(_find(r"(\d+) requests in", report))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", report)[0]
    return Result(
        name=name,
        per_second=float(_find(r"Requests/sec:\s+([\d.]+)", report)),
        cpu_us=cpu_seconds * 1e6 / max(1, requests),
        p99_ms=float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit],
        errors=(int(failed[1]) if failed else 0) + (sum(map(int, broken.groups())) if broken else 0),
    )


def _show(results: Sequence[Result]) -> None:
    base = next((result for result in results if result.name == "nginx"), results[0])
    print(f"{'proxy':10}{'req/s':>10}{'ratio':>8}{'CPU µs/req':>12}{'ratio':>8}{'p99 ms':>9}{'errors':>8}")
    for one in results:
        print(
            f"{one.name:10}{one.per_second:10.0f}{one.per_second / base.per_second:8.2f}"
            f"{one.cpu_us:12.1f}{one.cpu_us / base.cpu_us:8.2f}{one.p99_ms:9.2f}{one.errors:8}"
        )


async def _serve(port: int, backend: int, log: Path) -> None:
    """deployd's own entry: the data plane alone, its access records written as text like the others' are."""
    with log.open("a") as file:

        def write(records: Sequence[AccessRecord]) -> None:
            file.writelines(
                f"{one.time_ms} {one.client} {one.method} {one.host}{one.path} {one.status} {one.sent_bytes} "
                f"{one.duration_seconds:.4f} {one.request_id} {one.target}\n"
                for one in records
            )

        def control() -> asyncio.Protocol:
            raise RuntimeError("there is no control host here")

        proxy = Proxy(control_hosts=frozenset(), control=control, on_access=write)
        target = Address(host="127.0.0.1", port=backend)
        proxy.switch(Route(app=AppName("app"), hosts=(HOST,), release=1, targets=(target,)))
        await proxy.listen("127.0.0.1", port)
        await asyncio.Event().wait()


@contextmanager
def _backend(folder: Path, port: int) -> Iterator[None]:
    if not _which("nginx"):
        sys.exit("bench.proxy needs nginx for its backend: apt-get install nginx-light")
    command = _nginx(folder, "backend", NGINX_BACKEND.format(port=port))
    with _running(command, LOAD_CORE, port, folder / "backend.out"):
        yield


@contextmanager
def _running(command: list[str], core: str, port: int, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with output.open("wb") as file:
        process = subprocess.Popen(["taskset", "-c", core, *command], stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, output)
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in psutil.wait_procs(children, timeout=5)[1]:
            child.kill()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    sys.exit(f"{' '.join(process.args)} did not start:\n{output.read_text()}")  # type: ignore[arg-type]


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def _nginx(folder: Path, name: str, http: str) -> list[str]:
    file = _write(folder / f"{name}.conf", NGINX.format(dir=folder, name=name, http=http))
    return [_which("nginx"), "-p", str(folder), "-e", str(folder / f"{name}.err"), "-c", str(file)]


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _which(name: str) -> str:
    return shutil.which(name, path=_PATH) or ""


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"wrk did not report {pattern!r}:\n{text}")
    return match[1]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
