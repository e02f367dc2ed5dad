"""A real ACME authority on loopback, Pebble: it comes to look at our listeners, and refuses good nonces at times."""

import asyncio
import json
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import aiohttp
import pytest

from tests.support.certificate_maker import CertificateMaker
from tests.support.ports import free_port

_START_SECONDS = 20.0
_QUESTION = b"\0\1\1\0\0\1\0\0\0\0\0\0" + b"\5ready\4test\0" + b"\0\1\0\1"
"""A recursive query for the address (A, IN) of ready.test (RFC 1035 section 4.1)."""
_PROGRAMS = ("pebble", "pebble-challtestsrv")


class Pebble:
    """`ca_file` is what its own address is trusted by, `root` (PEM) what it signs with."""

    def __init__(self, directory: str, ca_file: Path, log: Path) -> None:
        self.directory = directory
        self.ca_file = ca_file
        self.root = ""
        self._log = log

    def said(self) -> str:
        """All it has written about its work so far."""
        return self._log.read_text()


@asynccontextmanager
async def pebble(
    folder: Path, http_port: int, https_port: int, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Pebble]:
    """Every name leads to 127.0.0.1 for it, HTTP-01 to `http_port` and TLS-ALPN-01 to `https_port`."""
    if any(shutil.which(program) is None for program in _PROGRAMS):
        _missing("there is no pebble (apt-get install pebble)")
    api, management, dns, dns_management = (free_port() for _ in range(4))
    _write_config(folder, api, management, http_port, https_port)
    env = {"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", **(settings or {})}
    running = Pebble(f"https://127.0.0.1:{api}/dir", folder / "ca.pem", folder / "pebble.log")
    names = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")
    resolver = ("-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}")
    authority = ("-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}")
    with (folder / "pebble.log").open("wb") as log:
        processes = [
            await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, env=env)
            for argv in ((_PROGRAMS[1], *resolver, *names), (_PROGRAMS[0], *authority))
        ]
        try:
            running.root = await _root(f"https://127.0.0.1:{management}/roots/0", running)
            await _resolves(dns)
            yield running
        finally:
            for process in processes:
                process.kill()
                await process.wait()


def _write_config(folder: Path, api: int, management: int, http_port: int, https_port: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    maker = CertificateMaker()
    own = maker.make("127.0.0.1")
    (folder / "ca.pem").write_text(maker.root)
    (folder / "own.pem").write_text(own.chain)
    (folder / "own.key").write_text(own.key)
    settings = {
        "listenAddress": f"127.0.0.1:{api}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "own.pem"),
        "privateKey": str(folder / "own.key"),
        "httpPort": http_port,
        "tlsPort": https_port,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": 90 * 86_400,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))


async def _root(url: str, running: Pebble) -> str:
    trusted = ssl.create_default_context(cafile=str(running.ca_file))
    async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url, ssl=trusted) as answer, session.get(running.directory, ssl=trusted):
                    return await answer.text()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


async def _resolves(port: int) -> None:
    """Returns once the resolver answers: a proof that is looked for before then fails, and its order waits minutes."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.setblocking(False)
        asker.connect(("127.0.0.1", port))
        async with asyncio.timeout(_START_SECONDS):
            while True:
                try:
                    await loop.sock_sendall(asker, _QUESTION)
                    async with asyncio.timeout(0.5):
                        await loop.sock_recv(asker, 512)
                    return
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                except TimeoutError:
                    continue


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
