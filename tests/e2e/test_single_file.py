"""deployd in one file, on a Debian that has neither Python nor anything else of ours."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.bare_root import VISITOR, BareRoot, bare_root
from tests.support.certificate_maker import CertificateMaker
from tests.support.load import constant_load
from tests.support.ports import free_port
from tests.support.repos import repo_with
from tests.support.single_file import newer, single_file

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("single file"), pytest.mark.timeout(300)]
_HOME = f"/home/{VISITOR}"
_FILE = f"{_HOME}/deployd"
_READY_SECONDS = 30.0
_MOST_BYTES = 60_000_000


class Server:
    """`deployd serve` of the visitor, from that one file."""

    def __init__(self, root: BareRoot, more: str = "") -> None:
        """`more` are tables of its deployd.toml."""
        self.root = root
        self.http, self.https, self.admin = free_port(), free_port(), free_port()
        (root.files / _HOME.lstrip("/") / "deployd.toml").write_text(
            f'[server]\ndata_dir = "data"\nhttp = "127.0.0.1:{self.http}"\nadmin = "127.0.0.1:{self.admin}"\n'
            + (f'https = "127.0.0.1:{self.https}"\n' if "[[tls." in more else "")
            + f'base_domain = "test"\n[deploy]\nwatch_seconds = 0\nbuild_network = "host"\n{more}'
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

    async def get(self, host: str, url: str = "") -> tuple[int, str]:
        url = url or f"http://127.0.0.1:{self.http}/"
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": host}) as answer:
            return answer.status, await answer.text()


@contextmanager
def serving(root: BareRoot, more: str = "") -> Iterator[Server]:
    server = Server(root, more)
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
        for source, target in (
            (file, _FILE),
            (newer(file, tmp_path / "newer"), f"{_HOME}/newer"),
            (file, f"{_HOME}/first"),
        ):
            root.copy_in(source, target, user=VISITOR)
        root.copy_in(repo, f"{_HOME}/repo", user=VISITOR)
        with serving(root) as server:
            server.deployd("create", "one", "--repo", f"{_HOME}/repo")
            server.deployd("deploy", "one")
            assert await server.get("one.test") == (200, "hello from one file")
            assert "Switched" in server.deployd("logs", "one")
            before = server.pid
            async with constant_load(server.http, "one.test", clients=2) as load:
                await asyncio.to_thread(server.deployd, "reload")
                assert server.pid != before
                root.run(["mv", f"{_HOME}/newer", _FILE], user=VISITOR)
                await asyncio.to_thread(server.deployd, "reload")
                assert server.unpacked.startswith("9999")
                said = await asyncio.to_thread(server.deployd, "upgrade", f"{_HOME}/first")
                await load.one_more()
            assert load.failures == []
            assert f"The one before is kept as {_FILE}.previous" in said
            assert not server.unpacked.startswith("9999")


def test_it_is_no_larger_than_promised(file: Path) -> None:
    assert file.stat().st_size <= _MOST_BYTES


async def test_the_page_tls_the_bot_and_the_driver_of_postgresql_are_inside(file: Path) -> None:
    """Each is loaded only by who needs it, and would be missed by nothing else here."""
    chain, key = f"{_HOME}/chain.pem", f"{_HOME}/key.pem"
    maker = CertificateMaker()
    made = maker.make("x.test")
    trusting = ssl.create_default_context(cadata=maker.root)
    bot = '[telegram]\ntoken = "1:a"\napi_base = "http://127.0.0.1:1"\nallow = [1]\n'
    own = f'[[tls.certificates]]\ncert = "{chain}"\nkey = "{key}"\n'
    with bare_root() as root:
        root.copy_in(file, _FILE, user=VISITOR)
        for path, text in ((chain, made.chain), (key, made.key)):
            (root.files / path.lstrip("/")).write_text(text)
        root.run(f"chown {VISITOR}: {chain} {key} && chmod 600 {key}")
        with serving(root, bot + own) as server:
            page = await server.get("localhost", f"http://127.0.0.1:{server.admin}/logs")
            assert "<title>Logs · deployd</title>" in page[1]
            async with aiohttp.ClientSession() as session:
                url = f"https://127.0.0.1:{server.https}/"
                named: dict[str, Any] = {"ssl": trusting, "server_hostname": "x.test", "headers": {"Host": "x.test"}}
                async with session.get(url, **named) as answer:
                    assert (answer.status, "No app is served" in await answer.text()) == (404, True)
            async with asyncio.timeout(_READY_SECONDS):
                while "Telegram cannot be reached" not in await asyncio.to_thread(server.deployd, "status"):
                    await asyncio.sleep(0.1)
            assert "server.http" in server.deployd("check", "--explain", "server.http")
        config = root.files / _HOME.lstrip("/") / "deployd.toml"
        config.write_text('[database]\nurl = "postgresql://127.0.0.1:1/deployd"\n')
        said = root.run([_FILE, "serve"], user=VISITOR, check=False).stdout
        assert said == "The database postgresql://127.0.0.1:1/deployd cannot be used: Connection refused.\n"


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
