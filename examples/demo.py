"""`make demo`: deployd builds three example apps from git, gates, routes and redeploys them while you watch."""

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_FOLDER = _HERE.parent / ".demo"
_APPS = ("plain-html", "express-app", "fastapi-app")
_IDENTITY = ("-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "init.defaultBranch=main")


def main() -> int:
    ports = _free_port(8080), _free_port(9001)
    daemon = _start(ports)
    try:
        _wait_until_up(daemon)
        live = [_follow(name) for name in _APPS]
        if not all(live):
            return 1
        _redeploy_under_load(ports[0])
        _say_where(ports)
        if sys.stdout.isatty():
            print("\nCtrl-C ends the demo.")
            daemon.wait()
    except KeyboardInterrupt:
        print()
    finally:
        _end(daemon)
    return 0


def _start(ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    """The repositories are made anew in .demo/repos; deployd's data stays, so that a second run is quick."""
    tables = []
    for name in _APPS:
        repo = _FOLDER / "repos" / name
        shutil.rmtree(repo, ignore_errors=True)
        shutil.copytree(_HERE / name, repo, ignore=shutil.ignore_patterns("node_modules", ".venv", "__pycache__"))
        _git(repo, "init", "-q")
        _commit(repo, "The example as it stands")
        tables.append(f'[apps.{name}]\nrepo = "{repo}"\n')
    (_FOLDER / "deployd.toml").write_text(
        f'[server]\nhttp = "127.0.0.1:{ports[0]}"\nadmin = "127.0.0.1:{ports[1]}"\n' + "".join(tables)
    )
    log = (_FOLDER / "deployd.log").open("wb")
    command = [sys.executable, "-m", "deployd", "serve", "--config", str(_FOLDER / "deployd.toml")]
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=_HERE.parent)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *_IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", message)


def _free_port(wanted: int) -> int:
    """The usual port, or a free one when something listens there."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise SystemExit("No free port on this machine.")


class _Socket(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(70)
        self.sock.connect(str(_FOLDER / "data" / "deployd.sock"))


def _api(method: str, path: str) -> Any:
    connection = _Socket("deployd")
    try:
        connection.request(method, f"/api/v1{path}", body="{}" if method == "POST" else None,
                           headers={"Content-Type": "application/json"})  # fmt: skip
        return json.loads(connection.getresponse().read() or b"null")
    finally:
        connection.close()


def _wait_until_up(daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            _api("GET", "/apps")
            return
        if daemon.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"deployd did not start; its words are in {_FOLDER / 'deployd.log'}.")


def _follow(name: str) -> bool:
    """Prints each stage of the app's newest deployment until it ends."""
    deployment = _newest(name)
    while True:
        seen = deployment["stage"]
        deployment = _api("GET", f"/deployments/{deployment['id']}?wait=30&after={seen}")
        print(f"  {name:12} {deployment['stage']}", flush=True)
        if deployment["outcome"] is not None:
            break
    if deployment["outcome"] == "live":
        spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in deployment["stage_seconds"].items())
        print(f"  {name:12} LIVE as v{deployment['release']} ({spent})")
        return True
    print(f"  {name:12} {deployment['outcome'].upper()}: {deployment['reason']}")
    return False


def _newest(name: str) -> Any:
    """The one that deployd.toml asked for at the start; a second run of the demo asks for one itself."""
    for _ in range(100):
        deployments = _api("GET", f"/apps/{name}/deployments?limit=1").get("deployments", [])
        if deployments and deployments[0]["outcome"] is None:
            return deployments[0]
        if deployments:
            return _api("POST", f"/apps/{name}/deployments")
        time.sleep(0.05)
    raise SystemExit(f"App {name} was not created; see {_FOLDER / 'deployd.log'}.")


def _redeploy_under_load(port: int) -> None:
    """Changes the page, redeploys it, and counts what the visitors meanwhile got."""
    statuses: list[int] = []
    done = threading.Event()
    visitor = threading.Thread(target=_visit, args=(port, statuses, done))
    visitor.start()
    repo = _FOLDER / "repos" / _APPS[0]
    page = repo / "index.html"
    page.write_text(page.read_text().replace("</h1>", " (second version)</h1>"))
    _commit(repo, "Second version")
    _api("POST", f"/apps/{_APPS[0]}/deployments")
    _follow(_APPS[0])
    done.set()
    visitor.join()
    failed = sum(status != 200 for status in statuses)
    print(f"\n  Redeployed {_APPS[0]} under load: {failed} of {len(statuses)} requests failed.")


def _visit(port: int, statuses: list[int], done: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not done.is_set():
        connection.request("GET", "/", headers={"Host": f"{_APPS[0]}.localhost"})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()


def _say_where(ports: tuple[int, int]) -> None:
    print("\nOpen in a browser:")
    for name in _APPS:
        print(f"  http://{name}.localhost:{ports[0]}/")
    print(f"  http://127.0.0.1:{ports[1]}/logs   every line, live")
    print(f"\nOr type:\n  .venv/bin/deployd apps --config {_FOLDER.name}/deployd.toml")


def _end(daemon: subprocess.Popen[bytes]) -> None:
    """The apps would outlive deployd, as they should on a server; a demo leaves nothing behind."""
    with contextlib.suppress(OSError):
        for name in _APPS:
            _api("POST", f"/apps/{name}/stop")
    daemon.terminate()
    daemon.wait(30)


if __name__ == "__main__":
    sys.exit(main())
