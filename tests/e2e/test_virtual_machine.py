"""The single file installed on a Debian of its own, as anyone would: its limits under control groups v2.

Run by `make vm`. The machine's processors are emulated: what takes a second elsewhere takes ten there.
"""

import re
from collections.abc import Iterator

import pytest

from tests.support.single_file import single_file
from tests.support.virtual_machine import VirtualMachine, virtual_machine

pytestmark = [pytest.mark.vm, pytest.mark.e2e, pytest.mark.timeout(900)]

_HOG = """
import os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def children():
    made = 0
    try:
        while made < 500:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
            made += 1
    except BlockingIOError:
        pass
    return made


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/eat":
            bytearray(b"x") * (512 << 20)
        body = str(children() if self.path == "/fork" else "here").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_EATER = "python3 -c 'bytearray(b\"x\") * (1500 << 20)'"
_UNIT = "/etc/systemd/system/deployd.service"


class Installed:
    """deployd on that machine, with the command line that a person there has."""

    def __init__(self, host: VirtualMachine) -> None:
        self.host = host

    def deployd(self, arguments: str, *, check: bool = True) -> str:
        return self.host.run(f"deployd {arguments}", check=check)

    def repository(self, name: str, **files: str) -> None:
        folder = f"/srv/{name}"
        for file, text in files.items():
            self.host.write(f"{folder}/{file.replace('__', '.')}", text)
        commit = "git -c user.name=T -c user.email=t@test commit -qm One"
        self.host.run(f"cd {folder} && git init -q -b main && git add . && {commit} && chown -R deployd: .")

    def get(self, app: str, path: str = "/") -> str:
        asked = (
            f"import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=60); c.request('GET', '{path}', "
        )
        asked += f"headers={{'Host': '{app}.localhost'}}); a = c.getresponse(); print(a.status, a.read().decode())"
        return self.host.run(f'python3 -c "{asked}"').strip()

    def unit(self, name: str) -> str:
        return self.host.run(f"systemctl show deployd --value -p {name}").strip()

    def group(self, file: str) -> list[str]:
        """What that file says in each group of an instance."""
        return self.host.run(
            f"cat $(find /sys/fs/cgroup/system.slice/deployd.service -path '*deployd/*' -name {file})"
        ).split()


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    file = single_file()
    with virtual_machine(request.param) as host:
        host.copy_in(file, "/root/deployd")
        said = host.run("/root/deployd install")
        assert "http://" in said, said
        yield Installed(host)


def test_its_unit_is_understood_and_keeps_deployd_from_most_of_the_host(installed: Installed) -> None:
    assert installed.host.run(f"systemd-analyze verify {_UNIT}") == ""
    verdict = installed.host.run("systemd-analyze security --no-pager deployd | tail -n 1")
    assert float(verdict.split(":")[1].split()[0]) <= 3.0, verdict


def test_an_app_gets_no_more_memory_and_processes_than_its_limits(installed: Installed) -> None:
    installed.repository("hog", Procfile="web: python3 app.py\n", app__py=_HOG)
    installed.deployd("create hog --repo /srv/hog")
    installed.deployd("set hog limits.memory_mb=96 limits.pids=12")
    installed.deployd("deploy hog")
    assert installed.get("hog") == "200 here"
    daemon = installed.unit("MainPID")

    status, made = installed.get("hog", "/fork").split()
    assert (status, int(made) < 12) == ("200", True)

    assert installed.get("hog", "/eat").startswith("502 ")
    installed.host.until(
        "deployd logs hog -n 100 | grep -q 'web.1 was killed for using too much memory; it is restarted'"
    )
    installed.host.until("deployd ps hog | grep -q running")
    assert installed.get("hog") == "200 here"
    assert installed.unit("MainPID") == daemon


def test_a_build_gets_no_more_memory_than_is_said(installed: Installed) -> None:
    installed.repository("eater", Procfile="web: true\n", __deployd__toml=f'[build]\nbuild = """{_EATER}"""\n')
    installed.deployd("create eater --repo /srv/eater")
    assert re.search(r"ran out of memory: it may use \d+ MB", installed.deployd("deploy eater", check=False))


def test_limits_hold_again_after_a_restart_and_a_reload(installed: Installed) -> None:
    for verb in ("reload", "restart"):
        before = installed.unit("MainPID")
        installed.host.run(f"systemctl {verb} deployd")
        assert installed.unit("MainPID") != before
        assert installed.get("hog") == "200 here"
        assert str(96 << 20) in installed.group("memory.max")
        assert "12" in installed.group("pids.max")
    lines = installed.deployd("doctor").splitlines()
    assert [line for line in lines if "daemon" in line] == ["✓ daemon         deployd 0.1.0 answers"]
