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
async def test_wrk_sees_no_error_over_two_reloads(tmp_path: Path, scheme: str) -> None:
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
            for _ in range(2):
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
