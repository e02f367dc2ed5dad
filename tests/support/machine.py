"""A Debian whose first process is systemd, booted beside this host, with deployd installed as its unit says.

    with machine("bookworm") as host:
        host.run("systemctl restart deployd")

Its pids, mounts, network (a loopback only) and control groups are its own; what it writes is thrown away. It takes
root, systemd-nspawn, and a kept base (bare_root.py).
"""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.bare_root import bare_root, kept_base

PACKAGES = (
    "bubblewrap", "ca-certificates", "dbus", "git", "iproute2", "libpam-systemd", "procps", "python3", "python3-venv",
    "slirp4netns", "systemd", "systemd-sysv",
)  # fmt: skip
_ROOT = Path(__file__).resolve().parents[2]
_OPT = "/opt/deployd"
_BOOT_SECONDS = 60.0
_STOP_SECONDS = 20.0
_BOOT = r"""
set -eu
base=$1 copy=$2 venv=$3 source=$4
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$copy"
mkdir "$copy/upper" "$copy/work" "$copy/root"
mount -t overlay -o "lowerdir=$base,upperdir=$copy/upper,workdir=$copy/work" overlay "$copy/root"
mkdir -p "$copy/root/opt/deployd/.venv" "$copy/root/opt/deployd/source"
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --boot --console=pipe \
    --machine=deployd-test-$$ --directory="$copy/root" \
    --bind-ro="$venv:/opt/deployd/.venv" --bind-ro="$source:/opt/deployd/source"
"""
_TUN = "mkdir -p /dev/net && rm -f /dev/net/tun && mknod -m 666 /dev/net/tun c 10 200"
_PROC = "for path in $(awk '$5 ~ \"^/proc/\" {print $5}' /proc/self/mountinfo | sort -r); do umount -l $path; done"
"""What nspawn hides of /proc it hides from bubblewrap, too, which may then not mount one: on a machine nothing is."""

_CONFIG = """
[server]
data_dir = "/var/lib/deployd"
base_domain = "test"
[deploy]
build_network = "isolated"
"""


class Machine:
    def __init__(self, pid: int) -> None:
        """`pid` is that of its first process."""
        self.pid = pid
        self.files = Path(f"/proc/{pid}/root")

    def argv(self, *command: str) -> list[str]:
        """What this host starts to have the command run inside; signals reach nsenter only."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                *command]  # fmt: skip

    def beside(self, *command: str) -> list[str]:
        """The same for a program of this host that only uses the network there."""
        return ["nsenter", "--target", str(self.pid), "--net", *command]

    def run(self, command: str, *, check: bool = True, seconds: float = 120.0) -> str:
        """What a line of bash printed."""
        done = subprocess.run(
            self.argv("bash", "-c", command),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{self.journal()}")
        return done.stdout

    def deployd(self, arguments: str) -> str:
        return self.run(f"{_OPT}/.venv/bin/deployd {arguments} --config /etc/deployd/deployd.toml")

    def api(self, path: str) -> Any:
        """What the unix socket of deployd answers to a GET."""
        text = self.run(f"python3 -c '{_ASK}' {path}")
        return json.loads(text)

    def unit(self, name: str) -> str:
        """A property of the service."""
        return self.run(f"systemctl show deployd --value -p {name}").strip()

    def until(self, command: str, seconds: float = 30.0) -> None:
        """Waits until that line of bash succeeds, which is tried over and over inside."""
        tried = shlex.quote(f"until {command}; do sleep 0.02; done")
        self.run(f"timeout {seconds} bash -c {tried}", seconds=seconds + 10)

    def journal(self) -> str:
        return self.run("journalctl --no-pager -n 60 -u deployd -o cat", check=False)

    def write(self, path: str, text: str) -> None:
        file = self.files / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


_ASK = """
import socket, sys
from http.client import HTTPConnection
asked = HTTPConnection("deployd", timeout=30)
asked.sock = socket.socket(socket.AF_UNIX)
asked.sock.connect("/var/lib/deployd/deployd.sock")
asked.request("GET", sys.argv[1])
print(asked.getresponse().read().decode())
"""


@contextmanager
def machine(suite: str) -> Iterator[Machine]:
    """Booted, with deployd's units in place but not started. Skips the test where there is no nspawn."""
    with booted(suite) as host:
        _install(host)
        yield host


@contextmanager
def booted(suite: str) -> Iterator[Machine]:
    """Without a user or a unit of deployd. Skips the test where there is no nspawn."""
    _need_nspawn()
    base, venv = kept_base(suite, PACKAGES), _kept_venv(suite)
    copy = Path(tempfile.mkdtemp(prefix="deployd-machine-"))
    console = copy.with_suffix(".console")
    with console.open("w") as output:
        outer = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", _BOOT, "bash", base, copy, venv, _ROOT],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        host = Machine(_first_process(outer, console))
        host.until("[ $(systemctl is-system-running) != starting ] && systemctl is-active -q dbus", _BOOT_SECONDS)
        host.run(f"{_PROC}; {_TUN}")
        yield host
    finally:
        outer.terminate()  # nspawn asks the machine to power off
        try:
            outer.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in psutil.Process(outer.pid).children():
                process.kill()
            outer.kill()
            outer.wait()
        console.unlink()
        copy.rmdir()


def _need_nspawn() -> None:
    reason = ""
    if os.geteuid() != 0:
        reason = "A machine takes root: systemd-nspawn."
    elif shutil.which("systemd-nspawn") is None:
        reason = "systemd-nspawn is missing: make setup installs it."
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def _kept_venv(suite: str) -> Path:
    """What requirements.lock names, for the Python of that Debian; deployd itself is the source of this very tree."""
    base = kept_base(suite, PACKAGES)
    version = hashlib.sha256((_ROOT / "requirements.lock").read_bytes()).hexdigest()[:12]
    venv = base.parent / f"venv-{suite}-{version}"
    with (base.parent / f"{venv.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not venv.exists():
            for older in base.parent.glob(f"venv-{suite}-*/"):
                shutil.rmtree(older)
            _make_venv(suite, venv)
    return venv


def _make_venv(suite: str, venv: Path) -> None:
    with bare_root(suite, PACKAGES) as root:
        root.copy_in(_ROOT / "requirements.lock", "/tmp/requirements.lock")
        root.copy_in(Path(sys.executable).parent / "uv", "/usr/local/bin/uv")
        for name in ("pyproject.toml", "README.md", "LICENSE", "deployd", "actors", "sql", "web/__init__.py"):
            root.copy_in(_ROOT / name, f"{_OPT}/source/{name}")
        root.run(
            f"cd {_OPT} && uv venv --python /usr/bin/python3 .venv && export VIRTUAL_ENV={_OPT}/.venv"
            " && uv pip sync --no-cache --require-hashes /tmp/requirements.lock"
            " && uv pip install --no-cache --no-deps --editable source"
        )
        unfinished = venv.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(root.files / _OPT.lstrip("/") / ".venv", unfinished, symlinks=True)
        unfinished.rename(venv)


def _first_process(outer: subprocess.Popen[bytes], console: Path) -> int:
    give_up = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < give_up and outer.poll() is None:
        for child in psutil.Process(outer.pid).children():
            if Path(f"/proc/{child.pid}/root/run/systemd/private").exists():
                return child.pid
        time.sleep(0.05)
    raise AssertionError(f"The machine did not boot:\n{console.read_text()}")


def _install(host: Machine) -> None:
    """As packaging/deployd.service says."""
    host.run("useradd --system --home-dir /var/lib/deployd --shell /usr/sbin/nologin deployd")
    host.run(f"install -D -m 0644 {_OPT}/source/packaging/deployd.service /etc/systemd/system/deployd.service")
    host.write("/etc/deployd/deployd.toml", _CONFIG)
    host.run("chgrp -R deployd /etc/deployd && systemctl daemon-reload")
