"""A bare Debian beside this host: a kept base for each suite, and throw-away copies of it to run commands in.

    with bare_root("bookworm") as root:
        root.run("apt-get update && apt-get install -y make")     # as root
        root.run("make demo", user=VISITOR, cwd="/home/visitor/deployd", check=False)

Pids and mounts are its own, so that bubblewrap works inside. The network is the host's, and registries are reached as
the host reaches them. All processes end with the `with`, or with this process, whichever is first. It takes root on a
Debian with debootstrap.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support import host_registries

VISITOR = "visitor"
SUITES = ("bookworm", "trixie")
_KEPT = Path(os.environ.get("DEPLOYD_TEST_ROOTS", "/var/tmp/deployd-roots"))
_RECIPE = "2"
"""A base of another recipe is another base."""
_HOMES = ("root", f"home/{VISITOR}")
_MAKE_SECONDS = 300.0
_START_SECONDS = 30.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ENTER = r"""
set -eu
root=$1 base=${2:-}
mount --make-rprivate /
layers="lowerdir=$base,upperdir=$root/../upper,workdir=$root/../work"
if [ -z "$base" ]; then
    mount --bind "$root" "$root"
elif ! mount -t overlay -o "$layers" overlay "$root" 2>/dev/null; then
    cp -a "$base/." "$root"      # Where the copies lie may be an overlay itself, which cannot be below another.
    mount --bind "$root" "$root"
fi
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty fuse net/tun; do
    [ -e "/dev/$device" ] || continue
    mkdir -p "$(dirname "$root/dev/$device")"
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "$root/dev/${stream%:*}"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -m 1777 "$root/run/lock"
cd "$root"
mkdir -p .host
pivot_root . .host
umount -l /.host
rmdir /.host
echo ready
# The first process reaps whoever lost its parent, and ends, with all others, when its input does.
exec bash -c 'exec >/dev/null 2>&1; read -r _'
"""


class BareRoot:
    """`files` is the root as this host sees it, as long as the root is there."""

    def __init__(self, pid: int, suite: str) -> None:
        self.pid = pid
        self.suite = suite
        self.files = Path(f"/proc/{pid}/root")

    def run(
        self,
        command: str | Sequence[str],
        *,
        user: str = "root",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 300.0,
        check: bool = True,
        merged: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """A str is for bash. Output is text, with stderr in stdout unless `merged` is False; a failure shows it."""
        done = subprocess.run(
            self.argv(command, user=user, cwd=cwd, env=env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr or ''}")
        return done

    def argv(
        self,
        command: str | Sequence[str],
        *,
        user: str = "root",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> list[str]:
        """For Popen and asyncio: what this host starts to have the command run inside. Signals reach nsenter only."""
        home = "/root" if user == "root" else f"/home/{user}"
        given = {
            "PATH": _PATH, "HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "LANG": "C.UTF-8",
            **host_registries.environment(), **(env or {}),
        }  # fmt: skip
        return [
            "nsenter", "--target", str(self.pid), "--mount", "--pid", "--root", "--wd",
            "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
            "env", f"--chdir={cwd or home}", "--ignore-environment",
            *(f"{name}={value}" for name, value in given.items()),
            *(["bash", "-c", command] if isinstance(command, str) else command),
        ]  # fmt: skip

    def copy_in(self, source: Path, target: str, *, user: str = "root") -> None:
        """A file or folder of this host, owned by that user; `target` is its absolute path inside."""
        inside = self.files / target.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, inside, symlinks=True)
        else:
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, inside)
        self.run(["chown", "-R", f"{user}:", target])


@contextmanager
def bare_root(suite: str = "bookworm", packages: Sequence[str] = ()) -> Iterator[BareRoot]:
    """A throw-away copy of the kept base; `packages` are in a base of their own, which is kept as well."""
    base = kept_base(suite, packages)
    copy = Path(tempfile.mkdtemp(prefix="copy-", dir=_KEPT))
    copy.chmod(0o755)
    for folder in ("root", "upper", "work"):
        (copy / folder).mkdir()
    try:
        with _entered(copy / "root", base) as pid:
            yield BareRoot(pid, suite)
    finally:
        shutil.rmtree(copy)


def kept_base(suite: str, packages: Sequence[str] = ()) -> Path:
    """The folder of that base, made when it is missing and never written to. Skips the test when none can be made."""
    reason = _missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    _KEPT.mkdir(mode=0o755, parents=True, exist_ok=True)
    base = _KEPT / "+".join((f"{suite}-{_RECIPE}", *sorted(packages)))
    with (_KEPT / f"{base.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if base.is_dir():
            return base
        unfinished = _KEPT / f"{base.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        if packages:
            _extend(kept_base(suite), unfinished, packages, suite)
        else:
            _bootstrap(suite, unfinished)
        unfinished.rename(base)
    return base


def _missing() -> str:
    if os.geteuid() != 0:
        return "A bare root takes root: mounts and debootstrap."
    if shutil.which("debootstrap") is None:
        return "debootstrap is missing: make setup installs it."
    return "" if host_registries.apt_sources(SUITES[0]) else "This host is no Debian: it knows no mirror of one."


def _bootstrap(suite: str, folder: Path) -> None:
    argv = ["debootstrap", "--variant=minbase", suite, str(folder), host_registries.mirror(suite)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_MAKE_SECONDS, check=False)
    if done.returncode != 0:
        raise AssertionError(f"debootstrap failed:\n{done.stdout[-3000:]}{done.stderr}")
    (folder / "etc/apt/sources.list").write_text(host_registries.apt_sources(suite))
    shutil.rmtree(folder / "var/cache/apt/archives", ignore_errors=True)
    (folder / "etc/hostname").write_text("bare\n")
    subprocess.run(["chroot", folder, "useradd", "--create-home", "--shell=/bin/bash", VISITOR], check=True, timeout=30)
    host_registries.copy_into(folder, _HOMES)
    subprocess.run(["chroot", folder, "chown", "-R", f"{VISITOR}:", f"/home/{VISITOR}"], check=True, timeout=30)


def _extend(base: Path, folder: Path, packages: Sequence[str], suite: str) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", base, folder], check=True, timeout=_MAKE_SECONDS)
    with _entered(folder) as pid:
        install = f"apt-get install -qq -y --no-install-recommends {' '.join(packages)}"
        install = f"apt-get update -qq && {install} && apt-get clean"
        BareRoot(pid, suite).run(install, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=_MAKE_SECONDS)


@contextmanager
def _entered(root: Path, base: Path | None = None) -> Iterator[int]:
    """The pid of the first process inside, once all is mounted. With a `base`, `root` is a copy of that."""
    outer = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _ENTER, "bash", root, base or ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert outer.stdin is not None
    assert outer.stdout is not None
    try:
        if outer.stdout.readline() != "ready\n":
            raise AssertionError("The bare root could not be entered; the reason is on stderr.")
        yield psutil.Process(outer.pid).children()[0].pid
    finally:
        outer.stdin.close()
        try:
            outer.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            outer.kill()
            outer.wait()
        outer.stdout.close()
