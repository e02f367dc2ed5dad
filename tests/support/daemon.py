"""A whole deployd in a child process, driven over its unix socket and through its proxy."""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.ports import free_port

_READY_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parents[2]


class Daemon:
    """`folder` holds deployd.toml and data; ports stay the same over restarts."""

    def __init__(
        self,
        folder: Path,
        *,
        apps_toml: str = "",
        drain_seconds: float = 5.0,
        server_toml: str = "",
        watch_seconds: float = 0.0,
    ) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.admin_port = free_port()
        self.config = folder / "deployd.toml"
        self._drain_seconds = drain_seconds
        self._server_toml = server_toml
        self._watch_seconds = watch_seconds
        self.write_config(apps_toml)
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._heirs: list[int] = []

    def write_config(self, apps_toml: str) -> None:
        self.config.write_text(
            f'[server]\ndata_dir = "data"\nhttp = "127.0.0.1:{self.http_port}"\n'
            f'admin = "127.0.0.1:{self.admin_port}"\nbase_domain = "test"\nshutdown_seconds = 10\n{self._server_toml}\n'
            f"[deploy]\ndrain_seconds = {self._drain_seconds}\nwatch_seconds = {self._watch_seconds}\n{apps_toml}\n"
        )

    @property
    def socket_path(self) -> Path:
        return self.folder / "data" / "deployd.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(
        self, *, wrapper: Sequence[str] = (), pass_fds: Sequence[int] = (), env: Mapping[str, str] | None = None
    ) -> None:
        """Returns once /livez answers; the daemon's own output goes to daemon.log in the folder.

        `wrapper` is a command that executes the rest of its command line, with `pass_fds` open.
        """
        with (self.folder / "daemon.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *wrapper, sys.executable, "-m", "deployd", "serve", "--config", str(self.config),
                cwd=_ROOT, stdout=output, stderr=output, pass_fds=tuple(pass_fds),
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            )  # fmt: skip
        await self.answers()

    async def answers(self) -> None:
        """Returns once /livez does."""
        async with asyncio.timeout(_READY_SECONDS):
            while not await self._ready():
                await asyncio.sleep(0.02)

    def said(self, text: str) -> int:
        """How often its output has that in it."""
        return (self.folder / "daemon.log").read_text().count(text)

    async def _ready(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None and not self._heirs:
            raise AssertionError(f"deployd ended at its start:\n{(self.folder / 'daemon.log').read_text()}")
        try:
            _, body = await self.api("GET", "/livez")
        except (aiohttp.ClientError, OSError):
            return False
        return body is not None

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        while self._heirs:
            heir = self._heirs.pop()
            with suppress(ProcessLookupError):
                os.kill(heir, signal.SIGTERM)
                await asyncio.to_thread(_ended, heir)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            async with asyncio.timeout(60):
                await self._process.wait()

    async def reload(self) -> None:
        """Returns when a new process has taken over and the old one is gone."""
        await self.take_over()
        assert self._process is not None
        async with asyncio.timeout(_READY_SECONDS):
            await self._process.wait()

    async def take_over(self) -> None:
        """Returns when a new process serves; the old one may still have something in flight."""
        status, body = await self.api("POST", "/api/v1/reload")
        assert status == 202, body
        await self.followed(body["pid"])

    async def followed(self, pid: int) -> None:
        """Returns when another process than this serves."""
        async with asyncio.timeout(_READY_SECONDS):
            while (now := await self._status_pid()) in (None, pid):
                await asyncio.sleep(0.02)
        assert now is not None
        self._heirs.append(now)

    async def _status_pid(self) -> int | None:
        try:
            status, body = await self.api("GET", "/api/v1/status")
        except (aiohttp.ClientError, OSError):
            return None
        return int(body["pid"]) if status == 200 else None

    async def kill(self) -> None:
        """kill -9, as an out-of-memory killer would."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded body (text when it is not JSON) over the unix socket."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket_path)))
        async with self._session.request(
            method, f"http://deployd{path}", json=body, timeout=aiohttp.ClientTimeout(70)
        ) as answer:
            text = await answer.text()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    async def create_app(self, name: str, repo: str, **settings: object) -> None:
        status, body = await self.api("POST", "/api/v1/apps", {"name": name, "repo": repo, **settings})
        assert status == 201, body

    async def deploy(self, name: str) -> dict[str, Any]:
        """Asks for a deployment and waits for its end; the deployment as the API shows it."""
        status, body = await self.api("POST", f"/api/v1/apps/{name}/deployments", {})
        assert status == 202, body
        return await self.ended(body["id"])

    async def ended(self, deployment: str) -> dict[str, Any]:
        while True:
            _, body = await self.api("GET", f"/api/v1/deployments/{deployment}?wait=50")
            if body["outcome"] is not None:
                return dict(body)

    async def log_texts(self, app: str, limit: int = 1000) -> list[str]:
        _, body = await self.api("GET", f"/api/v1/apps/{app}/logs?limit={limit}")
        return [line["text"] for line in body["lines"]]

    async def until_logged(self, app: str, text: str, times: int = 1) -> None:
        """Waits until that many lines are exactly `text`: an app's lines are stored a moment after it wrote them."""
        async with asyncio.timeout(10):
            while (await self.log_texts(app)).count(text) < times:
                await asyncio.sleep(0.05)

    async def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Through the proxy, on a connection of its own."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.http_port}{path}", headers={"Host": host}) as answer,
        ):
            return answer.status, await answer.text()

    async def remove_all(self) -> None:
        """Stops every app, so that no instance outlives the test."""
        _, body = await self.api("GET", "/api/v1/apps")
        for app in body["apps"]:
            await self.api("DELETE", f"/api/v1/apps/{app['name']}")


def _ended(pid: int) -> None:
    """Waits for a process that is nobody's child here."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            select.select([handle], [], [], 60)
        finally:
            os.close(handle)


@asynccontextmanager
async def running_daemon(
    folder: Path,
    *,
    apps_toml: str = "",
    drain_seconds: float = 5.0,
    server_toml: str = "",
    watch_seconds: float = 0.0,
) -> AsyncIterator[Daemon]:
    daemon = Daemon(
        folder,
        apps_toml=apps_toml,
        drain_seconds=drain_seconds,
        server_toml=server_toml,
        watch_seconds=watch_seconds,
    )
    await daemon.start()
    try:
        yield daemon
    finally:
        try:
            await daemon.remove_all()
        finally:
            await daemon.stop()
