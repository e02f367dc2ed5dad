"""A Debian with a kernel of its own, under QEMU: its control groups and mounts are not what this host's happen to be.

    with virtual_machine("bookworm") as host:
        host.copy_in(file, "/root/deployd")
        host.run("/root/deployd install")

Its processors are emulated, at about a tenth of the speed: not every /dev/kvm can boot a Debian. It reaches no network,
and this host reaches its ssh only. What it writes is thrown away. It takes root (the disk is made of a kept base, see
bare_root.py) and qemu-system-x86_64.
"""

import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bare_root import kept_base
from tests.support.ports import free_port

_PACKAGES = (
    "bubblewrap", "ca-certificates", "dbus", "git", "initramfs-tools", "iproute2", "libpam-systemd",
    "linux-image-cloud-amd64", "openssh-server", "procps", "python3", "slirp4netns", "systemd", "systemd-sysv", "udev",
)  # fmt: skip
_RECIPE = "1"
"""A disk of another recipe is another disk."""
_NETWORK = "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n"
_MEMORY_MIB, _DISK_MIB = 2048, 4096
_BOOT_SECONDS = 240.0
_STOP_SECONDS = 30.0


class VirtualMachine:
    def __init__(self, port: int, key: Path) -> None:
        """`port` is that of its ssh on this host."""
        self._argv = [
            "ssh", "-i", str(key), "-p", str(port), "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            "root@127.0.0.1",
        ]  # fmt: skip

    def run(self, command: str, *, check: bool = True, seconds: float = 120.0) -> str:
        """What a line of its shell printed."""
        done = subprocess.run(
            [*self._argv, command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            journal = self.run("journalctl --no-pager -n 60 -o cat", check=False)
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{journal}")
        return done.stdout

    def copy_in(self, source: Path, target: str) -> None:
        """A file of this host, with its mode."""
        mode = oct(source.stat().st_mode & 0o777)[2:]
        with source.open("rb") as content:
            argv = [*self._argv, f"cat >{target} && chmod {mode} {target}"]
            subprocess.run(argv, stdin=content, check=True, timeout=60)

    def write(self, path: str, text: str) -> None:
        subprocess.run(
            [*self._argv, f"mkdir -p $(dirname {path}) && cat >{path}"], input=text, text=True, check=True, timeout=60
        )

    def until(self, command: str, seconds: float = 30.0) -> None:
        """Waits until that line of its shell succeeds, which is tried over and over inside."""
        tried = shlex.quote(f"until {command}; do sleep 0.05; done")
        self.run(f"timeout {seconds} sh -c {tried}", seconds=seconds + 10)


@contextmanager
def virtual_machine(suite: str) -> Iterator[VirtualMachine]:
    """Booted, with nothing of deployd. Skips the test where there can be none."""
    _need_qemu()
    base = kept_base(suite, _PACKAGES)
    disk, key = _kept_disk(suite, base)
    port = free_port()
    argv = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(_MEMORY_MIB),
        "-nographic", "-no-reboot", "-snapshot", "-drive", f"file={disk},format=raw,if=virtio",
        "-nic", f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22",
        "-kernel", str(_newest(base, "vmlinuz")), "-initrd", str(_newest(base, "initrd.img")),
        "-append", "root=/dev/vda rw console=ttyS0 quiet",
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as console:
        machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            host = VirtualMachine(port, key)
            _wait_for(host, machine)
            yield host
        except BaseException:
            console.seek(0)
            print(console.read()[-4000:])
            raise
        finally:
            machine.terminate()  # Its disk is thrown away: nothing there is worth a shutdown.
            machine.wait(_STOP_SECONDS)


def _need_qemu() -> None:
    reason = ""
    if platform.machine() != "x86_64":
        reason = "The virtual machines of the tests are x86-64."
    elif shutil.which("qemu-system-x86_64") is None:
        reason = "qemu-system-x86_64 is missing: `bash packaging/system-packages.sh vm` installs it."
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def _newest(base: Path, name: str) -> Path:
    return max((base / "boot").glob(f"{name}-*"))


def _wait_for(host: VirtualMachine, machine: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < give_up and machine.poll() is None:
        if "running" in host.run("systemctl is-system-running --wait", check=False):
            return
        time.sleep(0.2)
    raise AssertionError("The virtual machine did not boot; its console is printed above.")


def _kept_disk(suite: str, base: Path) -> tuple[Path, Path]:
    """The disk, and the ssh key that root there lets in."""
    recipe = hashlib.sha256(f"{_RECIPE} {_PACKAGES}".encode()).hexdigest()[:12]
    disk = base.parent / f"disk-{suite}-{recipe}"
    key = disk.with_suffix(".key")
    with disk.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not disk.exists():
            for older in base.parent.glob(f"disk-{suite}-*[!k]"):
                older.unlink()
            _make_disk(base, disk, key)
    return disk, key


def _make_disk(base: Path, disk: Path, key: Path) -> None:
    key.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    unfinished = disk.with_suffix(".unfinished")
    root = Path(tempfile.mkdtemp(dir=disk.parent, prefix="disk-root-"))
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", f"{base}/.", root], check=True, timeout=120)
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        shutil.copy(key.with_suffix(".key.pub"), root / "root/.ssh/authorized_keys")
        (root / "etc/systemd/network/all.network").write_text(_NETWORK)
        (root / "etc/hostname").write_text("deployd-test\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost deployd-test\n")
        enable = ["systemctl", f"--root={root}", "enable", "-q", "systemd-networkd", "ssh"]
        subprocess.run(enable, check=True, timeout=30)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-d", root, unfinished, f"{_DISK_MIB}M"], check=True, timeout=300)
    finally:
        shutil.rmtree(root)
    unfinished.rename(disk)
