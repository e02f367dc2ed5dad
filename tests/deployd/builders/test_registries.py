"""Private registries: an app's secret opens them by the repository's own settings, and stays in no file."""

import base64
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.deployd.builders.yards import make_yard

TOKEN = "planted-token-7d1f"
NPM, PYTHON = f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"reader:{TOKEN}".encode()).decode()


def npm_package() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in {
            "package.json": '{"name": "private", "version": "1.0.0"}',
            "index.js": "exports.x = 1",
        }.items():
            header = tarfile.TarInfo(f"package/{name}")
            header.size = len(text)
            tar.addfile(header, io.BytesIO(text.encode()))
    return made.getvalue()


def wheel() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("private.py", "x = 1\n")
        archive.writestr("private-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: private\nVersion: 1.0\n")
        archive.writestr(
            "private-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("private-1.0.dist-info/RECORD", "")
    return made.getvalue()


@pytest.fixture
async def registry() -> AsyncIterator[str]:
    """host:port of a registry that gives nothing without the token."""
    package = npm_package()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") not in (NPM, PYTHON):
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        answer: web.StreamResponse = await handler(request)
        return answer

    async def about(request: web.Request) -> web.Response:
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
        dist = {"tarball": f"http://{request.host}/private/-/private-1.0.0.tgz", "integrity": integrity}
        version = {"name": "private", "version": "1.0.0", "dist": dist}
        return web.json_response({"name": "private", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}})

    async def tarball(request: web.Request) -> web.Response:
        return web.Response(body=package)

    async def simple(request: web.Request) -> web.Response:
        link = '<a href="/files/private-1.0-py3-none-any.whl">private-1.0-py3-none-any.whl</a>'
        return web.Response(text=f"<html><body>{link}</body></html>", content_type="text/html")

    async def file(request: web.Request) -> web.Response:
        return web.Response(body=wheel())

    app = web.Application(middlewares=[guard])
    app.router.add_get("/private", about)
    app.router.add_get("/private/-/private-1.0.0.tgz", tarball)
    app.router.add_get("/simple/private/", simple)
    app.router.add_get("/files/private-1.0-py3-none-any.whl", file)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def files_with_the_token(folder: Path) -> list[Path]:
    paths = [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]
    return [path for path in paths if path.is_file() and TOKEN.encode() in path.read_bytes()]


async def test_npm_takes_the_token_that_the_repositorys_npmrc_refers_to(tmp_path: Path, registry: str) -> None:
    yard = await make_yard(tmp_path)
    (yard.project / "package.json").write_text(json.dumps({"name": "app", "dependencies": {"private": "1.0.0"}}))
    (yard.project / ".npmrc").write_text(f"registry=http://{registry}/\n//{registry}/:_authToken=${{NPM_TOKEN}}\n")
    shown = await yard.build("npm install", "node -p 'require(\"private\").x'", env={"NPM_TOKEN": TOKEN})
    assert shown[-1] == "1"
    assert files_with_the_token(tmp_path) == []


async def test_uv_takes_an_index_with_a_password_from_the_env(tmp_path: Path, registry: str) -> None:
    yard = await make_yard(tmp_path)
    env = {"UV_DEFAULT_INDEX": f"http://reader:{TOKEN}@{registry}/simple/"}
    shown = await yard.build(
        "uv venv -q",
        "uv pip install --python .venv/bin/python private",
        ".venv/bin/python -c 'import private; print(private.x)'",
        env=env,
    )
    assert shown[-1] == "1"
    assert files_with_the_token(tmp_path) == []
