"""Under a real systemd: what a reload, a restart, a stop and a stuck loop do to requests and apps.

`SYSTEMD_ROUNDS` and `SYSTEMD_SUITES` make it longer: `make nspawn` takes 20 rounds on Debian 12 and 13.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.e2e.test_reload import WAITING
from tests.support.machine import Machine, machine
from tests.support.wrk import Report, wrk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.xdist_group("systemd")]

ROUNDS = int(os.environ.get("SYSTEMD_ROUNDS", "1"))
SUITES = os.environ.get("SYSTEMD_SUITES", "bookworm").split()
_SECONDS = 30.0
_BUILD = "echo alone with $(cut -sd: -f1 /proc/net/dev | xargs): score $(cat /proc/self/oom_score_adj)"
_STUCK = """
import signal, time
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
"""
_KILLED = """
import os, signal, sys
FIRST = "DEPLOYD_HANDOVER" not in os.environ

def look(frame, event, _):
    if event == "call" and frame.f_code.co_qualname == "Succession._hand_over":
        os.kill(os.getpid(), signal.SIGKILL)

if FIRST and "serve" in getattr(sys, "orig_argv", ()):
    sys.setprofile(look)
"""
_GET = """
import sys, http.client
asked = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
asked.request("GET", sys.argv[2], headers={"Host": "app.test"})
print(asked.getresponse().read().decode(), end="")
"""


class Service:
    """deployd as a service of that machine, with the app `app`."""

    def __init__(self, host: Machine) -> None:
        self.host = host
        self._port = 0
        self._number = 0

    def deploy(self) -> None:
        for name, text in (WAITING | {".deployd.toml": f"[build]\nbuild = '{_BUILD}'\n"}).items():
            self.host.write(f"/srv/app/{name}", text)
        self.host.run(
            "cd /srv/app && git init -q -b main && git add . && git -c user.name=T -c user.email=t@test commit -qm One"
            " && chown -R deployd: ."
        )
        self.host.deployd("create app --repo /srv/app")
        self.host.deployd("deploy app")
        self._port = self.instance["port"]

    @property
    def instance(self) -> dict[str, int]:
        (instance,) = self.host.api("/api/v1/apps/app/instances")["instances"]
        return dict(instance)

    @property
    def pid(self) -> int:
        return int(self.host.unit("MainPID"))

    @asynccontextmanager
    async def in_flight(self) -> AsyncIterator[None]:
        """A request that the app has and that ends, well, some moments after the block."""
        self._number += 1
        number = self._number
        asked = await self._ask(8080, f"/wait{number}")
        while await self._answer(await self._ask(self._port, "/waiting")) != str(number):
            await asyncio.sleep(0.02)
        yield
        assert asked.returncode is None, await self._answer(asked)
        assert await self._answer(await self._ask(self._port, f"/go{number}")) == "done"
        assert await self._answer(asked) == "done"

    def load(self) -> AbstractAsyncContextManager[Report]:
        return wrk("http://127.0.0.1:8080/", "app.test", within=self.host.beside())

    def score(self, pid: int) -> int:
        """How much rather than others the kernel ends it when the host runs out of memory."""
        return int(self.host.run(f"cat /proc/{pid}/oom_score_adj"))

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(*self.host.argv(*command))

    async def systemctl(self, *words: str) -> None:
        process = await self.start("systemctl", *words)
        async with asyncio.timeout(60):
            assert await process.wait() == 0, self.host.journal()

    async def is_asked(self) -> None:
        """Until what serves has answered something."""
        assert await self._answer(await self._ask(8080, "/")) == "done"

    async def _ask(self, port: int, path: str) -> asyncio.subprocess.Process:
        command = self.host.beside(sys.executable, "-c", _GET, str(port), path)
        return await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )

    async def _answer(self, asked: asyncio.subprocess.Process) -> str:
        async with asyncio.timeout(_SECONDS):
            output, _ = await asked.communicate()
        return output.decode()


@pytest.fixture(scope="module", params=SUITES)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with machine(request.param) as host:
        host.run("systemctl start deployd")
        service = Service(host)
        service.deploy()
        yield service


def test_its_unit_is_understood_and_keeps_deployd_from_most_of_the_host(service: Service) -> None:
    assert service.host.run("systemd-analyze verify /etc/systemd/system/deployd.service") == ""
    said = service.host.run("systemd-analyze security --no-pager deployd").splitlines()
    assert float(said[-1].split(":")[1].split()[0]) <= 3.0, said[-1]
    reasons = service.host.run(r"sed -n '/^# Hardening/,/^[^#]/p' /etc/systemd/system/deployd.service")
    missed = {line.split()[1].split("=")[0] for line in said if line.startswith("✗")}
    assert [setting for setting in sorted(missed) if setting not in reasons] == []


def test_under_it_builds_are_isolated_and_the_kernel_ends_them_and_apps_before_deployd(service: Service) -> None:
    log = service.host.deployd("logs app -n 200")
    assert "alone with lo tap0: score 500" in log
    assert service.score(service.instance["pid"]) == 200
    assert service.host.unit("OOMScoreAdjust") == "-500"  # which no machine in a namespace gets


async def test_after_a_reload_a_restart_and_a_stop_finish_what_is_in_flight(service: Service) -> None:
    """systemd waits for its own child only, which what a reload starts has to be."""
    app = service.instance["pid"]
    for _ in range(ROUNDS):
        await a_reload_under_load(service)
        async with service.in_flight():
            await service.systemctl("restart", "--no-block", "deployd")
            service.host.until("[ $(systemctl show deployd --value -p SubState) = stop-sigterm ]")
        service.host.until("systemctl is-active -q deployd")
        await a_reload_under_load(service)
        async with service.in_flight():
            await service.systemctl("stop", "--no-block", "deployd")
            service.host.until("[ $(systemctl show deployd --value -p SubState) = stop-sigterm ]")
        service.host.until("[ $(systemctl is-active deployd) = inactive ]")
        await service.systemctl("start", "deployd")
        assert service.instance["pid"] == app
    assert "not our child" not in service.host.run("journalctl --no-pager")


async def a_reload_under_load(service: Service) -> None:
    before = service.pid
    async with service.load() as report:
        await service.is_asked()
        await service.systemctl("reload", "deployd")
        await service.is_asked()
    assert report.errors == []
    assert service.pid != before
    assert service.host.run(f"ps -o ppid= {service.pid}").strip() == "1"


async def test_a_loop_that_is_stuck_is_the_end_of_deployd_but_not_of_its_apps(service: Service) -> None:
    host, app = service.host, service.instance["pid"]
    host.write("/srv/stuck/sitecustomize.py", _STUCK)
    host.write(
        "/run/systemd/system/deployd.service.d/stuck.conf",
        "[Service]\nWatchdogSec=3\nEnvironment=PYTHONPATH=/srv/stuck\n",
    )
    await service.systemctl("daemon-reload")
    await service.systemctl("restart", "deployd")
    await service.systemctl("reload", "deployd")  # The process that follows is watched as well.
    stuck = service.pid
    host.run(f"kill -USR2 {stuck}")
    host.until(f"[ $(systemctl show deployd --value -p MainPID) != {stuck} ] && systemctl is-active -q deployd")
    assert "Watchdog timeout" in host.run("journalctl --no-pager")
    await service.is_asked()
    assert service.instance["pid"] == app
    host.run("rm -r /run/systemd/system/deployd.service.d && systemctl daemon-reload && systemctl restart deployd")


async def test_one_that_is_killed_when_it_has_handed_over_is_followed_by_one_that_systemd_knows(
    service: Service,
) -> None:
    host, app = service.host, service.instance["pid"]
    host.write("/srv/killed/sitecustomize.py", _KILLED)
    host.write("/run/systemd/system/deployd.service.d/killed.conf", "[Service]\nEnvironment=PYTHONPATH=/srv/killed\n")
    await service.systemctl("daemon-reload")
    await service.systemctl("restart", "deployd")
    first = service.pid
    await (await service.start("systemctl", "reload", "deployd")).wait()
    host.until(f"[ $(systemctl show deployd --value -p MainPID) != {first} ] && systemctl is-active -q deployd")
    host.until("[ $(pgrep -fc [d]eployd.serve) = 1 ]")
    assert host.run("pgrep -f [d]eployd.serve").strip() == str(service.pid)
    await service.is_asked()
    assert service.instance["pid"] == app
    host.run("rm -r /run/systemd/system/deployd.service.d && systemctl daemon-reload && systemctl restart deployd")


async def test_with_sockets_of_systemd_no_request_fails_over_reloads_and_restarts(service: Service) -> None:
    service.host.run(
        "systemctl stop deployd && cp /opt/deployd/source/packaging/deployd.socket /etc/systemd/system"
        " && systemctl daemon-reload && systemctl start deployd.socket deployd"
    )
    for _ in range(ROUNDS):
        async with service.load() as report:
            for verb in ("reload", "restart"):
                await service.is_asked()
                await service.systemctl(verb, "deployd")
            await service.is_asked()
        assert report.errors == []
