"""`make demo` on a bare Debian, as a stranger types it: a fresh clone, nothing installed. Run by `make fresh`."""

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.bare_root import SUITES, VISITOR, BareRoot, bare_root
from tests.support.clone import clone_into

pytestmark = [pytest.mark.bare, pytest.mark.e2e, pytest.mark.timeout(900)]

_FIRST_SECONDS, _SECOND_SECONDS = 60.0, 5.0
_PATIENCE = 3.0
"""How much longer a slow registry or a busy machine may take than is promised; what it took is printed."""
_FOLDER = {"root": "/root/deployd", VISITOR: f"/home/{VISITOR}/deployd"}


class Machine:
    """A clone of this project on a bare machine, in the hands of one user."""

    def __init__(self, root: BareRoot, user: str) -> None:
        self.root = root
        self.user = user
        self.figures: list[str] = []

    def install(self, packages: str) -> None:
        self.root.run(f"apt-get update -qq && apt-get install -qq -y --no-install-recommends {packages}")

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        began = time.monotonic()
        done = self.root.run(["make", *words], user=self.user, cwd=_FOLDER[self.user], check=False)
        self.figures.append(f"make {' '.join(words)}: {time.monotonic() - began:.1f} s")
        return done

    def change(self, file: str, text: str) -> None:
        (self.root.files / f"{_FOLDER[self.user]}/{file}".lstrip("/")).write_text(text)

    def disk_mib(self) -> int:
        return int(self.root.run("du -sxm /").stdout.split()[0])

    def left_running(self) -> list[str]:
        """What runs besides the machine's first process and this question."""
        listing = self.root.run("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null && echo; done").stdout
        return [line for line in listing.splitlines() if line.strip() and not line.startswith("bash -c")]


@pytest.fixture(params=["bookworm-root", "bookworm-visitor", "trixie-root", "trixie-visitor"])
def machine(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    suite, user = request.param.split("-")
    with bare_root(suite) as root:
        clone_into(root, _FOLDER[user], user)
        machine = Machine(root, user)
        machine.install("make")
        before = machine.disk_mib()
        yield machine
        with capsys.disabled():
            print(f"\n{request.param}: {', '.join(machine.figures)}; {machine.disk_mib() - before} MiB")


def test_the_demo_needs_nothing_that_is_there_and_leaves_nothing_running(machine: Machine) -> None:
    _install_what_is_named(machine)

    began = time.monotonic()
    first = machine.make("demo")
    assert first.returncode == 0, first.stdout
    assert time.monotonic() - began < _FIRST_SECONDS * _PATIENCE, first.stdout
    assert "0 of " in first.stdout
    assert "http://" not in first.stdout  # Nothing answers there any more.
    assert machine.left_running() == []

    began = time.monotonic()
    second = machine.make("demo")
    assert second.returncode == 0, second.stdout
    assert time.monotonic() - began < _SECOND_SECONDS * _PATIENCE, second.stdout

    _kept_until_told(machine)
    _ends_with_ctrl_c(machine)
    _fails_when_an_app_does(machine)


@pytest.mark.parametrize("suite", SUITES)
def test_what_the_tests_need_is_set_up_by_themselves(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`make test` does that first; of the tests only those of the set-up are run here."""
    with bare_root(suite) as root:
        clone_into(root, _FOLDER["root"], "root")
        machine = Machine(root, "root")
        machine.install("make")
        before = machine.disk_mib()
        done = machine.make("setup")
        assert done.returncode == 0, done.stdout
        tested = root.run([".venv/bin/pytest", "-n", "0", "tests/test_packaging.py"], cwd=_FOLDER["root"], check=False)
        assert tested.returncode == 0, tested.stdout
        with capsys.disabled():
            print(f"\n{suite}: {', '.join(machine.figures)}; {machine.disk_mib() - before} MiB")


def _install_what_is_named(machine: Machine) -> None:
    """An ordinary user is told one command, and it is enough; Debian's node is there as well, and too old on 12."""
    if machine.user == "root":
        return
    told = machine.make("demo")
    assert told.returncode != 0
    command = re.search(r"^  sudo (apt-get update) && sudo (apt-get install .*)$", told.stdout, re.M)
    assert command is not None, told.stdout
    machine.root.run(f"{command[1]} -qq && {command[2]} -qq && apt-get install -qq -y --no-install-recommends nodejs")


def _kept_until_told(machine: Machine) -> None:
    kept = machine.make("demo", "KEEP=1")
    page = re.search(r"http://127\.0\.0\.1:\d+/logs", kept.stdout)
    assert kept.returncode == 0, kept.stdout
    assert page is not None
    with urllib.request.urlopen(page[0], timeout=10) as answer:  # The network is this host's.
        assert answer.status == 200
    ended = machine.make("demo-end")
    assert ended.returncode == 0, ended.stdout
    assert machine.left_running() == []


def _ends_with_ctrl_c(machine: Machine) -> None:
    """In a terminal it goes on until then."""
    argv = machine.root.argv("script -qec 'make demo' /dev/null", user=machine.user, cwd=_FOLDER[machine.user])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as typed:
        assert typed.stdin is not None
        assert typed.stdout is not None
        said = b""
        while b"Ctrl-C ends the demo." not in said:
            line = typed.stdout.readline()
            assert line, said
            said += line
        assert re.search(rb"http://127\.0\.0\.1:\d+/logs", said)
        typed.stdin.write(b"\x03")
        typed.stdin.flush()
        typed.stdout.read()
    assert typed.returncode != 0
    assert machine.left_running() == []


def _fails_when_an_app_does(machine: Machine) -> None:
    machine.change("examples/fastapi-app/main.py", "raise SystemExit('the database is away')\n")
    failed = machine.make("demo")
    assert failed.returncode != 0
    assert "FAILED" in failed.stdout, failed.stdout
    assert machine.left_running() == []
