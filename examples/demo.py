"""`make demo`: deployd builds three example apps from git, gates, routes and redeploys them while you watch.

Ends what it started, unless --keep is given or until Ctrl-C is typed at a terminal; 1 when anything failed.
"""

import contextlib
import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_FOLDER = _HERE.parent / ".demo"
_LOG = _FOLDER / "deployd.log"
_APPS = ("plain-html", "express-app", "fastapi-app")
_IDENTITY = ("-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "init.defaultBranch=main")
_START_SECONDS = 30.0
_END_SECONDS = 30.0


def main() -> int:
    with _alone():
        kept = _end()
        if "--end" in sys.argv:
            print("The demo has ended." if kept else "No demo runs.")
            return 0
        return _run(keep="--keep" in sys.argv)


def _run(keep: bool) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    ports = _free_port(8080), _free_port(9001)
    daemon, page, kept = None, None, False
    try:
        daemon = _start(ports)
        page = _build_page()
        _wait_until_up(daemon)
        live = [_follow(name) for name in _APPS]
        live.append(_page_built(page))
        worked = all(live) and _redeploy_under_load(ports[0]) and _all_answer(ports)
        if worked and keep:
            kept = True
            _say_where(ports)
            print("\n`make demo-end` ends the demo.")
        elif worked and sys.stdout.isatty():
            _say_where(ports)
            print("\nCtrl-C ends the demo.")
            daemon.wait()
            worked = _said(f"deployd has ended by itself; the reason is in {_LOG}.")
        elif worked:
            print("  All is well, and has ended again: `make demo KEEP=1` leaves it running.")
    except KeyboardInterrupt:
        print()
        return 130
    finally:
        if not kept:
            _end(daemon)
        if page is not None and page.poll() is None:
            os.killpg(page.pid, signal.SIGKILL)
    return 0 if worked else 1


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Of two demos in one folder, the second would end the first one's apps."""
    try:
        _FOLDER.mkdir(exist_ok=True)
        lock = (_FOLDER / "lock").open("w")
    except PermissionError:
        raise SystemExit(f"{_FOLDER} belongs to another user: run `sudo rm -r {_FOLDER}`, then again.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("A demo runs already in this folder: end it first, with Ctrl-C where it runs.") from None
        yield


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
    command = [sys.executable, "-m", "deployd", "serve", "--config", str(_FOLDER / "deployd.toml")]
    with _LOG.open("wb") as log:  # In a session of its own: a Ctrl-C is for the demo, which then ends the apps first.
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=_HERE.parent, start_new_session=True)


def _build_page() -> subprocess.Popen[str]:
    """Beside the apps: npm waits for the network more than it works."""
    command = [sys.executable, str(_HERE.parent / "packaging" / "page.py")]
    # In a session of its own, so that what it starts can be ended with it.
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _page_built(page: subprocess.Popen[str]) -> bool:
    said, _ = page.communicate()
    return page.returncode == 0 or _said(said)


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
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        with contextlib.suppress(OSError):
            _api("GET", "/apps")
            return
        time.sleep(0.05)
    if daemon.poll() is None:
        daemon.kill()
        daemon.wait()
    raise SystemExit(f"deployd did not start; the reason is in {_LOG}.")


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
    return _said(f"  {name:12} {deployment['outcome'].upper()}: {deployment['reason']}")


def _newest(name: str) -> Any:
    """The one that deployd.toml asked for at the start; a second run of the demo asks for one itself."""
    for _ in range(100):
        deployments = _api("GET", f"/apps/{name}/deployments?limit=1").get("deployments", [])
        if deployments and deployments[0]["outcome"] is None:
            return deployments[0]
        if deployments:
            return _api("POST", f"/apps/{name}/deployments")
        time.sleep(0.05)
    raise SystemExit(f"App {name} was not created; the reason is in {_LOG}.")


def _redeploy_under_load(port: int) -> bool:
    """Changes the page, redeploys it, and counts what the visitors meanwhile got."""
    statuses: list[int] = []
    done = threading.Event()
    visitor = threading.Thread(target=_visit, args=(port, statuses, done))
    visitor.start()
    try:
        repo = _FOLDER / "repos" / _APPS[0]
        page = repo / "index.html"
        page.write_text(page.read_text().replace("</h1>", " (second version)</h1>"))
        _commit(repo, "Second version")
        _api("POST", f"/apps/{_APPS[0]}/deployments")
        live = _follow(_APPS[0])
    finally:
        done.set()
        visitor.join()
    failed = sum(status != 200 for status in statuses)
    print(f"\n  Redeployed {_APPS[0]} under load: {failed} of {len(statuses)} requests failed.")
    return live and failed == 0 and len(statuses) > 0


def _visit(port: int, statuses: list[int], done: threading.Event) -> None:
    while not done.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            while not done.is_set():
                statuses.append(_status(connection, "/", f"{_APPS[0]}.localhost"))
        except (OSError, http.client.HTTPException):
            statuses.append(0)
        finally:
            connection.close()


def _all_answer(ports: tuple[int, int]) -> bool:
    """Every address that the demo names."""
    asked = [(ports[0], "/", f"{name}.localhost") for name in _APPS]
    failed = False
    for port, path, host in (*asked, (ports[1], "/logs", "127.0.0.1")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            status: object = _status(connection, path, host)
        except (OSError, http.client.HTTPException) as error:
            status = error
        finally:
            connection.close()
        if status != 200:
            failed = True
            print(f"  http://{host}:{port}{path} answered {status}.")
    return not failed


def _status(connection: http.client.HTTPConnection, path: str, host: str) -> int:
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _said(line: str) -> bool:
    print(line)
    return False


def _say_where(ports: tuple[int, int]) -> None:
    print("\nOpen in a browser:")
    for name in _APPS:
        print(f"  http://{name}.localhost:{ports[0]}/")
    print(f"  http://127.0.0.1:{ports[1]}/logs   every line, live")
    print(f"\nOr type:\n  .venv/bin/deployd apps --config {_FOLDER.name}/deployd.toml")


def _end(daemon: subprocess.Popen[bytes] | None = None) -> bool:
    """Ends deployd if it runs, after the apps, which would outlive it; whether there was one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pid = _stop_apps() or (daemon.pid if daemon is not None and daemon.poll() is None else None)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], _END_SECONDS)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return True


def _stop_apps() -> int | None:
    """The process that serves, whichever took over from the one that was started; None when there is none."""
    try:
        pid = int(_api("GET", "/status")["pid"])
        for name in _APPS:
            for deployment in _api("GET", f"/apps/{name}/deployments?limit=5").get("deployments", []):
                if deployment["outcome"] is None:
                    _api("POST", f"/deployments/{deployment['id']}/cancel")
            _api("POST", f"/apps/{name}/stop")
    except (OSError, http.client.HTTPException):
        return None
    return pid


if __name__ == "__main__":
    sys.exit(main())
