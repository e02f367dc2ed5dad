"""deployd in one file, on a Debian that has neither Python nor anything else of ours."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.bare_root import VISITOR, BareRoot, bare_root
from tests.support.load import constant_load
from tests.support.ports import free_port
from tests.support.repos import repo_with
from tests.support.single_file import newer, single_file

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("single file"), pytest.mark.timeout(300)]
_HOME = f"/home/{VISITOR}"
_FILE = f"{_HOME}/deployd"
_READY_SECONDS = 30.0


class Server:
    """`deployd serve` of the visitor, from that one file."""

    def __init__(self, root: BareRoot) -> None:
        self.root = root
        self.http, admin = free_port(), free_port()
        (root.files / _HOME.lstrip("/") / "deployd.toml").write_text(
            f'[server]\ndata_dir = "data"\nhttp = "127.0.0.1:{self.http}"\nadmin = "127.0.0.1:{admin}"\n'
            'base_domain = "test"\n[deploy]\nwatch_seconds = 0\nbuild_network = "host"\n'
        )

    def deployd(self, *words: str, check: bool = True) -> str:
        """What it printed, in one line."""
        return " ".join(self.root.run([_FILE, *words], user=VISITOR, check=check).stdout.split())

    @property
    def pid(self) -> int:
        return int(json.loads(self.deployd("status", "--json"))["status"]["pid"])

    @property
    def unpacked(self) -> str:
        """The folder that the daemon runs from."""
        return Path(self.root.run(["readlink", f"/proc/{self.pid}/exe"]).stdout).parent.name

    async def get(self, host: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.http}/"
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": host}) as answer:
            return answer.status, await answer.text()


@contextmanager
def serving(root: BareRoot) -> Iterator[Server]:
    server = Server(root)
    argv = root.argv(f"{_FILE} serve & wait", user=VISITOR)  # A parent that goes on, as on a machine.
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "is ready" in first, first
        try:
            yield server
        finally:
            root.run("kill $(pidof deployd)", check=False)
            process.stdout.read()  # Until nobody is left who could write.


@pytest.fixture(scope="module")
def file() -> Path:
    return single_file()


async def test_a_bare_debian_deploys_reloads_and_upgrades_with_no_failed_request(file: Path, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "hello from one file"}, tmp_path / "repo")
    with bare_root(packages=("bubblewrap", "git")) as root:
        assert root.run("command -v python3", check=False).returncode != 0
        root.copy_in(file, _FILE, user=VISITOR)
        root.copy_in(newer(file, tmp_path / "newer"), f"{_HOME}/newer", user=VISITOR)
        root.copy_in(repo, f"{_HOME}/repo", user=VISITOR)
        with serving(root) as server:
            server.deployd("create", "one", "--repo", f"{_HOME}/repo")
            server.deployd("deploy", "one")
            assert await server.get("one.test") == (200, "hello from one file")
            assert "Switched" in server.deployd("logs", "one")
            before, unpacked = server.pid, server.unpacked
            async with constant_load(server.http, "one.test", clients=2) as load:
                await asyncio.to_thread(server.deployd, "reload")
                assert server.pid != before
                said = await asyncio.to_thread(server.deployd, "upgrade", f"{_HOME}/newer")
                await load.one_more()
            assert load.failures == []
            assert f"The one before is kept as {_FILE}.previous" in said
            assert server.unpacked.startswith("9999") != unpacked.startswith("9999")


async def test_an_upgrade_that_does_not_get_ready_is_taken_back(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo deployd 9.9 && exit 0\necho broken\nexit 1\n')
    broken.chmod(0o755)
    with bare_root() as root:
        root.copy_in(file, _FILE, user=VISITOR)
        root.copy_in(broken, f"{_HOME}/broken", user=VISITOR)
        with serving(root) as server:
            before = server.pid
            said = server.deployd("upgrade", f"{_HOME}/broken", check=False)
            assert said.startswith(
                "deployd was not upgraded, and the one before is back in place: The new process did not"
            )
            assert server.deployd("--version").startswith("deployd 0")
            assert server.pid == before
            assert "is no deployd" in server.deployd("upgrade", "/bin/true", check=False)


def test_a_damaged_file_and_a_folder_that_runs_nothing_are_named(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(file.read_bytes()[:20_000_000])
    cut.chmod(0o755)
    with bare_root() as root:
        root.copy_in(cut, f"{_HOME}/cut", user=VISITOR)
        said = root.run([f"{_HOME}/cut", "--version"], user=VISITOR, check=False)
        assert said.returncode == 1
        assert said.stdout.startswith("deployd: it could not be unpacked in ")
        assert "unexpected end of file" in said.stdout
        left = root.run("ls -A /home/visitor/.cache/deployd /var/tmp/deployd-*", check=False).stdout
        assert ".new-" not in left
        root.copy_in(file, _FILE, user=VISITOR)
        root.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", "/mnt"])
        root.run("chmod 1777 /mnt")
        said = root.run([_FILE, "--version"], user=VISITOR, env={"XDG_CACHE_HOME": "/mnt"})
        assert said.stdout.startswith("deployd 0")  # From the next place, then.


def test_what_it_wants_from_outside_is_named_in_one_sentence(file: Path) -> None:
    with bare_root() as root:
        root.copy_in(file, _FILE, user=VISITOR)
        with serving(root) as server:
            server.deployd("create", "one", "--repo", f"{_HOME}/repo")
            said = server.deployd("deploy", "one", check=False)
            assert "git is not installed on this machine; install it (apt install git)." in said
