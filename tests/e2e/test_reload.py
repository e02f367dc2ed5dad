"""deployd makes way for a newer one, and no visitor notices."""

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest

from tests.e2e.test_redeploys import files
from tests.e2e.test_survival import instance_of
from tests.support.certificate_maker import CertificateMaker
from tests.support.daemon import Daemon, running_daemon
from tests.support.load import constant_load
from tests.support.ports import free_port
from tests.support.repos import repo_with
from tests.support.wrk import wrk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WAITING = {
    "Procfile": "web: python3 app.py\n",
    "app.py": """
import os
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

released = defaultdict(Event)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"done"
        if self.path.startswith("/go"):
            released[self.path[3:]].set()
        elif self.path == "/waiting":
            body = b"%d" % len(released)
        elif self.path.startswith("/wait"):
            released[self.path[5:]].wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
""",
}


async def test_a_new_process_takes_over_under_load_with_no_failed_request(daemon: Daemon, tmp_path: Path) -> None:
    await daemon.create_app("app", str(repo_with(files("v1"), tmp_path / "app")))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    before = await instance_of(daemon)
    async with constant_load(daemon.http_port, "app.test", clients=2) as load:  # few enough for every line of the log
        for _ in range(3):
            await load.one_more()
            first = (await daemon.api("GET", "/api/v1/status"))[1]["pid"]
            await daemon.reload()
            assert (await daemon.api("GET", "/api/v1/status"))[1]["pid"] != first
            await load.one_more()
    assert load.failures == []
    assert load.total > 100
    assert (await instance_of(daemon))["pid"] == before["pid"]
    assert (await daemon.deploy("app"))["outcome"] == "live"
    await every_request_is_logged(daemon, load.total)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_wrk_sees_no_error_over_reloads(tmp_path: Path, scheme: str) -> None:
    """It counts a connection as broken unless its last answer announced that it is the last."""
    made, secure_port = CertificateMaker().make("localhost"), free_port()
    (tmp_path / "app.pem").write_text(made.chain)
    (tmp_path / "app.key").write_text(made.key)
    (tmp_path / "app.key").chmod(0o600)
    tls = f'https = "127.0.0.1:{secure_port}"\n[[tls.certificates]]\ncert = "app.pem"\nkey = "app.key"'
    async with running_daemon(tmp_path, server_toml=tls) as daemon:
        repo = repo_with(files("v1"), tmp_path / "app")
        await daemon.create_app("app", str(repo), domains=["localhost"], proxy={"https_redirect": False})
        assert (await daemon.deploy("app"))["outcome"] == "live"
        port = secure_port if scheme == "https" else daemon.http_port
        async with wrk(f"{scheme}://localhost:{port}/", "localhost") as report:
            for _ in range(14 if os.environ.get("MOMENTS") == "all" else 2):
                await is_asked(daemon)
                await daemon.reload()
            await is_asked(daemon)
    assert report.errors == []
    assert report.requests > 300


async def is_asked(daemon: Daemon) -> None:
    """Until the process that serves now has answered a hundred requests."""
    async with asyncio.timeout(60):
        while True:
            _, metrics = await daemon.api("GET", "/metrics")
            found = re.search(r"^deployd_proxy_requests_total (\d+)", metrics, re.M)
            if found is not None and int(found[1]) > 100:
                return
            await asyncio.sleep(0.02)


async def every_request_is_logged(daemon: Daemon, requests: int) -> None:
    """The access log has a line for each, whichever of the processes served it."""
    async with asyncio.timeout(15):
        while True:
            after, seen = 0, 0
            while True:
                _, body = await daemon.api("GET", f"/api/v1/apps/app/logs?after={after}&limit=1000")
                if not body["lines"]:
                    break
                after = body["lines"][-1]["seq"]
                seen += sum(line["source"] == "proxy" and " 200 " in line["text"] for line in body["lines"])
            if seen >= requests:
                return
            await asyncio.sleep(0.1)


async def test_a_reload_with_a_wrong_configuration_is_refused_and_nothing_changes(daemon: Daemon) -> None:
    good = daemon.config.read_text()
    daemon.config.write_text(good + "[nonsense]\n")
    status, body = await daemon.api("POST", "/api/v1/reload")
    assert (status, "nonsense" in body["detail"]) == (400, True)
    daemon.config.write_text(good)
    assert (await daemon.api("GET", "/api/v1/status"))[1]["pid"] == daemon.pid


async def test_what_is_in_flight_and_its_lines_outlast_two_reloads(daemon: Daemon, tmp_path: Path) -> None:
    await daemon.create_app("app", str(repo_with(WAITING, tmp_path / "app")))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(daemon.get("app.test", f"/wait{number}")) for number in range(2)]
        while await daemon.get("app.test", "/waiting") != (200, "2"):
            await asyncio.sleep(0.02)
        await daemon.take_over()
        await daemon.take_over()
        for number in range(2):
            await daemon.get("app.test", f"/go{number}")
            await a_line_says(daemon, f"/wait{number} 200 ")
    assert [task.result() for task in waiting] == [(200, "done")] * 2


async def a_line_says(daemon: Daemon, text: str) -> None:
    async with asyncio.timeout(20):
        while True:
            _, body = await daemon.api("GET", "/api/v1/apps/app/logs?after=0&limit=1000")
            if any(line["source"] == "proxy" and text in line["text"] for line in body["lines"]):
                return
            await asyncio.sleep(0.05)


async def test_of_two_reloads_at_once_one_is_refused(daemon: Daemon) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(daemon.api("POST", "/api/v1/reload")) for _ in range(2)]
    assert sorted(task.result()[0] for task in asked) == [202, 409]
    await daemon.followed(daemon.pid)


async def test_when_a_new_process_cannot_start_the_one_before_goes_on_be_it_the_first_or_not(
    daemon: Daemon, tmp_path: Path
) -> None:
    await daemon.create_app("app", str(repo_with(files("v1"), tmp_path / "app")))
    assert (await daemon.deploy("app"))["outcome"] == "live"
    good = daemon.config.read_text()
    async with constant_load(daemon.http_port, "app.test", clients=2) as load:
        for failures in (1, 2):
            with socket.create_server(("127.0.0.1", 0)) as taken:
                https = f'https = "127.0.0.1:{taken.getsockname()[1]}"'
                daemon.config.write_text(good.replace("base_domain", f"{https}\nbase_domain"))
                serving = (await daemon.api("GET", "/api/v1/status"))[1]["pid"]
                assert (await daemon.api("POST", "/api/v1/reload"))[0] == 202
                async with asyncio.timeout(60):
                    while daemon.said("the new process did not take over; this one goes on") < failures:
                        await asyncio.sleep(0.05)
            daemon.config.write_text(good)
            await daemon.answers()
            assert (await daemon.api("GET", "/api/v1/status"))[1]["pid"] == serving
            await load.one_more()
            await daemon.take_over()
    assert load.failures == []
    assert load.total > 100


async def test_a_reload_waits_for_nobody_but_is_refused_during_a_deployment(daemon: Daemon, tmp_path: Path) -> None:
    repo = repo_with({"Procfile": "web: sleep 600\n"}, tmp_path / "app")
    await daemon.create_app("app", str(repo))
    _, deployment = await daemon.api("POST", "/api/v1/apps/app/deployments", {})
    await daemon.api("GET", f"/api/v1/deployments/{deployment['id']}?wait=20&after=starting")
    status, body = await daemon.api("POST", "/api/v1/reload")
    assert (status, "deployment of 'app' is running" in body["detail"]) == (409, True)
    await daemon.api("POST", f"/api/v1/deployments/{deployment['id']}/cancel")


async def test_the_sockets_of_systemd_are_served_and_wait_for_the_next_start(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    with socket.create_server(("127.0.0.1", daemon.http_port)) as door:
        wrapper = ("bash", "-c", 'exec 3<&"$0" && exec env LISTEN_FDS=1 LISTEN_PID=$$ "$@"', str(door.fileno()))
        await daemon.start(wrapper=wrapper, pass_fds=(door.fileno(),))
        assert (await daemon.get("nobody.test"))[0] == 404
        await daemon.stop()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(daemon.get("nobody.test"))
            await daemon.start(wrapper=wrapper, pass_fds=(door.fileno(),))
        assert waiting.result()[0] == 404
        assert os.get_inheritable(door.fileno()) is False
        await daemon.stop()
