"""An npm registry on loopback, with small packages made up for a test; it counts what it is asked for."""

import asyncio
import base64
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote

from aiohttp import web


class NpmRegistry:
    """`asked` counts documents by package and tarballs by `package@version`; `gate` closed holds tarballs back."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.waiting = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self._packages: dict[str, dict[str, bytes]] = {}

    def add(self, name: str, *versions: str, program: str) -> None:
        """A package whose one program prints its version, and whether it was made to be a bin by the package itself."""
        for version in versions:
            manifest: dict[str, object] = {"name": name, "version": version}
            if not name.startswith("@oven/"):
                manifest["bin"] = {program: f"bin/{program}"}
            files = {"package.json": json.dumps(manifest), f"bin/{program}": f"#!/bin/sh\necho v{version}\n"}
            self._packages.setdefault(name, {})[version] = _tarball(files)

    @property
    def env(self) -> dict[str, str]:
        return {"NPM_CONFIG_REGISTRY": self.url}

    async def answer(self, request: web.Request) -> web.Response:
        path = unquote(request.raw_path).strip("/")
        if "/-/" in path:
            return await self._tarball(*path.split("/-/"))
        self.asked[path] += 1
        if path not in self._packages:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response(self.document(path))

    async def _tarball(self, name: str, version: str) -> web.Response:
        self.asked[f"{name}@{version}"] += 1
        self.waiting.set()
        await self.gate.wait()
        return web.Response(body=self._packages[name][version], content_type="application/octet-stream")

    def document(self, name: str) -> dict[str, object]:
        versions = {version: self._manifest(name, version, body) for version, body in self._packages[name].items()}
        return {"name": name, "versions": versions, "dist-tags": {"latest": list(versions)[-1]}}

    def _manifest(self, name: str, version: str, body: bytes) -> dict[str, object]:
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            member = tar.extractfile("package/package.json")
            assert member is not None
            manifest: dict[str, object] = json.load(member)
        integrity = f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"
        return {**manifest, "dist": {"tarball": f"{self.url}{name}/-/{version}", "integrity": integrity}}


@asynccontextmanager
async def npm_registry(registry: NpmRegistry | None = None) -> AsyncIterator[NpmRegistry]:
    registry = registry or NpmRegistry()
    app = web.Application()
    app.router.add_get("/{path:.*}", registry.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        registry.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield registry
    finally:
        registry.gate.set()
        await runner.cleanup()


def _tarball(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size, info.mode = len(text.encode()), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()
