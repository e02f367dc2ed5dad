"""The proxies side by side: nginx, haproxy, Caddy and a whole deployd, each with the same routes and an access log."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench.side_by_side.processes import LOAD_CORE, PROXY_CORE, Door, free_port, running, which
from tests.support.certificate_maker import CertificateMaker
from tests.support.repos import commit, repo_with

APP, SINK, SITE, SECURE = "app.bench", "sink.bench", "site.bench", "localhost"
SMALL_FILE, LARGE_FILE = "/page.bin", "/large.bin"
_TEMPLATES = Path(__file__).parent / "configs"


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    pid: int
    http: int
    https: int


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all of them get: a folder for their files, the backends' ports, a certificate, the site's repository."""

    folder: Path
    app: int
    sink: int

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def config(self, name: str, **values: object) -> Path:
        """The file that a template became, in a new folder of its own; `@name@` stands for a value."""
        own = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        own.chmod(0o755)
        text = (_TEMPLATES / name).read_text()
        known = {"base": self.folder, "dir": own, "site": self.site, "app": self.app, "sink": self.sink, **values}
        for key, value in known.items():
            text = text.replace(f"@{key}@", str(value))
        path = own / name
        path.write_text(text)
        return path


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """With both backends up, on the core of the load."""
    folder.chmod(0o755)  # nginx, started by root, reads as somebody else
    ready = Ground(folder=folder, app=free_port(), sink=free_port())
    _write_site(ready.site)
    made = CertificateMaker().make(SECURE)
    (folder / "cert.pem").write_text(made.chain)
    (folder / "key.pem").write_text(made.key)
    (folder / "key.pem").chmod(0o600)
    (folder / "mib.bin").write_bytes(bytes(1_048_576))
    with ExitStack() as stack:
        for name, command, door in (
            ("backend", _nginx(ready, "backend.conf"), (ready.app, APP)),
            ("sink", [sys.executable, "-m", "bench.side_by_side.sink", str(ready.sink)], (ready.sink, SINK)),
        ):
            stack.enter_context(running(command, LOAD_CORE, folder / f"{name}.out", [door]))
        yield ready


def _write_site(folder: Path) -> None:
    repo_with({"index.html": "hello\n"}, folder)
    (folder / SMALL_FILE[1:]).write_bytes(b"0123456789" * 1_024)
    (folder / LARGE_FILE[1:]).write_bytes(b"0123456789" * 1_048_576)
    commit(folder, "Two files to measure with")


def _nginx(ready: Ground, template: str, **values: object) -> list[str]:
    file = ready.config(template, **values)
    return [which("nginx"), "-p", str(file.parent), "-e", str(file.with_suffix(".err")), "-c", str(file)]


def _haproxy(ready: Ground, http: int, https: int) -> list[str]:
    return [which("haproxy"), "-db", "-f", str(ready.config("haproxy.cfg", http=http))]


def _caddy(ready: Ground, http: int, https: int) -> list[str]:
    file = ready.config("Caddyfile", http=http)
    return ["env", "GOMAXPROCS=1", which("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


def _deployd(ready: Ground, http: int, https: int) -> list[str]:
    file = ready.config("deployd.toml", http=http, https=https, admin=free_port())
    return [sys.executable, "-m", "deployd", "serve", "--config", str(file)]


COMMANDS: dict[str, Callable[[Ground, int, int], list[str]]] = {
    "nginx": lambda ready, http, https: _nginx(ready, "nginx.conf", http=http, https=https),
    "haproxy": _haproxy,
    "caddy": _caddy,
    "deployd": _deployd,
}
VERSIONS = {"nginx": "-v", "haproxy": "-v", "caddy": "version", "wrk": "-v"}
_HOSTS = {"haproxy": (APP,), "caddy": (APP,)}


@contextmanager
def contender(name: str, ready: Ground) -> Iterator[Contender]:
    http, https = free_port(), free_port()
    command = COMMANDS[name](ready, http, https)
    doors: list[Door] = [(http, host) for host in _HOSTS.get(name, (APP, SINK, SITE))]
    with running(command, PROXY_CORE, ready.folder / f"{name}.out", doors) as pid:
        yield Contender(name=name, pid=pid, http=http, https=https)


def installed(names: Sequence[str]) -> list[str]:
    """Those that are there; says which are not."""
    missing = [name for name in names if name != "deployd" and not which(name)]
    for name in missing:
        print(f"{name} is not installed: left out.")
    return [name for name in names if name not in missing]


def version(name: str) -> str:
    said = subprocess.run([which(name), VERSIONS[name]], capture_output=True, text=True, timeout=10, check=False)
    return (said.stdout + said.stderr).strip().split("\n")[0]
