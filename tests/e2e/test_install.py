"""deployd installed as a service of a bare Debian, and taken away again."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bare_root import BareRoot, bare_root
from tests.support.machine import booted
from tests.support.ports import free_port
from tests.support.single_file import newer, single_file

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("single file"), pytest.mark.timeout(300)]
_DOWNLOADED = "/root/deployd"
_PLACES = "/etc/deployd /etc/systemd/system/deployd* /usr/local/bin/deployd* /usr/local/lib/deployd /var/lib/deployd"
_ASK = """
import sys
from urllib.request import Request, urlopen
asked = Request("http://127.0.0.1:9001/api/v1/tokens", headers={"Authorization": f"Bearer {sys.argv[1]}"})
print(urlopen(asked).status)
"""
_LEFT = f"ls -d {_PLACES} 2>/dev/null; getent passwd deployd; true"


@pytest.fixture(scope="module")
def file() -> Path:
    return single_file()


def _left(root: BareRoot) -> list[str]:
    return root.run(_LEFT).stdout.splitlines()


@contextmanager
def _started(root: BareRoot, said: str) -> Iterator[None]:
    """By the very command that install told, on ports that are free here; its parent goes on."""
    command = next(line for line in said.splitlines() if "start it with: " in line).partition("start it with: ")[2]
    config = root.files / "etc/deployd/deployd.toml"
    text = config.read_text().replace("0.0.0.0:8080", f"127.0.0.1:{free_port()}")
    config.write_text(text.replace("127.0.0.1:9001", f"127.0.0.1:{free_port()}"))
    with subprocess.Popen(
        root.argv(f"{command} & wait"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert "is ready" in first, first + process.stdout.read()
            yield
        finally:
            root.run("kill $(pidof deployd)", check=False)
            process.stdout.read()


def test_a_second_install_changes_nothing_and_uninstall_keeps_the_data_until_it_is_purged(file: Path) -> None:
    with bare_root() as root:
        before = _left(root)
        root.copy_in(file, _DOWNLOADED)
        shown = root.run([_DOWNLOADED, "install", "--dry-run"]).stdout
        assert "nothing was done" in shown
        assert _left(root) == before
        said = root.run([_DOWNLOADED, "install"]).stdout
        steps = [line.removeprefix("- ") for line in shown.splitlines()[1:]]
        assert [line.removeprefix("✓ ") for line in said.splitlines() if line.startswith("✓")] == steps
        assert root.run("stat -c '%a %U:%G' /etc/deployd/deployd.toml /var/lib/deployd").stdout.split("\n")[:2] == [
            "640 root:deployd",
            "700 deployd:deployd",
        ]
        with _started(root, said):
            assert root.run("stat -c %U /proc/$(pidof deployd)").stdout == "deployd\n"
            assert root.run("readlink /proc/$(pidof deployd)/exe").stdout.startswith("/usr/local/lib/deployd/")
            again = root.run(["deployd", "install"]).stdout
            assert again.startswith("deployd is installed already; nothing to do.")
            assert root.run("deployd token list --config /etc/deployd/deployd.toml").returncode == 0
            kept = root.run(["deployd", "uninstall"]).stdout
            assert "Kept: /etc/deployd (settings), /var/lib/deployd" in kept
            assert root.run("pidof deployd", check=False).returncode != 0
        assert [line.split(":")[0] for line in _left(root)] == ["/etc/deployd", "/var/lib/deployd", "deployd"]
        said = root.run([_DOWNLOADED, "install"]).stdout
        assert "system user" not in said
        root.run(["deployd", "uninstall", "--purge"])
        assert _left(root) == before
        assert "nothing to do" in root.run([_DOWNLOADED, "uninstall", "--purge"]).stdout


def test_an_installed_deployd_is_upgraded_from_a_folder_that_only_root_can_write(file: Path, tmp_path: Path) -> None:
    with bare_root() as root:
        root.copy_in(file, _DOWNLOADED)
        root.copy_in(newer(file, tmp_path / "newer"), "/root/newer")
        with _started(root, root.run([_DOWNLOADED, "install"]).stdout):
            said = root.run(["deployd", "upgrade", "/root/newer"]).stdout
            assert "it has taken over" in said
            alone = "until [ $(pidof deployd | wc -w) = 1 ]; do sleep 0.05; done"  # The one before may still end.
            now = root.run(f"{alone}; readlink /proc/$(pidof deployd)/exe", timeout=60).stdout
            assert now.startswith("/usr/local/lib/deployd/9999")


def test_under_systemd_it_starts_lets_its_login_in_is_upgraded_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    with booted("bookworm") as host:
        for name, source in (("deployd", file), ("newer", newer(file, tmp_path / "newer"))):
            shutil.copy(source, host.files / "root" / name)
        before = host.run(_LEFT)
        said = host.run("/root/deployd install")
        assert "ufw allow 8080/tcp" in said
        token = re.search(r"^Login: (\S+) ", said, re.M)
        assert token is not None, said
        host.write("/root/ask.py", _ASK)
        assert host.run(f"python3 /root/ask.py {token[1]}") == "200\n"
        assert "HTTP Error 401" in host.run("python3 /root/ask.py nonsense", check=False)
        assert host.unit("ActiveState") == "active"
        assert "nothing to do" in host.run("/root/deployd install")

        pid = host.unit("MainPID")
        assert "it has taken over" in host.run("deployd upgrade /root/newer")
        assert host.unit("MainPID") != pid
        host.run("systemctl restart deployd")
        assert "/usr/local/lib/deployd/9999" in host.run(f"readlink /proc/{host.unit('MainPID')}/exe")

        host.run("deployd uninstall --purge")
        assert host.run(_LEFT) == before
        assert host.unit("LoadState") == "not-found"


def test_only_root_installs(file: Path) -> None:
    with bare_root() as root:
        root.copy_in(file, "/home/visitor/deployd", user="visitor")
        said = root.run(["./deployd", "install"], user="visitor", check=False)
        assert said.returncode == 1
        assert said.stdout == "Only root can install deployd: run `sudo deployd install`, or look with --dry-run.\n"
        assert root.run(["./deployd", "install", "--dry-run"], user="visitor").returncode == 0
