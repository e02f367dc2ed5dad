"""Real git over smart HTTP on loopback: `git http-backend` behind aiohttp."""

import asyncio
import base64
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

Login = tuple[str, str]


@asynccontextmanager
async def serve_git(
    root: Path, login: Login | None = None, more: Callable[[web.Application], None] | None = None
) -> AsyncIterator[str]:
    """Serves the repositories below `root`; gives the base URL. With `login`, anyone else gets 401.

    `more` adds what else is to be answered there.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        if login is not None and request.headers.get("Authorization") != _basic(login):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await _backend(root, request)

    app = web.Application(client_max_size=64 << 20)
    if more is not None:
        more(app)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def _backend(root: Path, request: web.Request) -> web.Response:
    """One CGI run; bodies are small enough here to be held whole."""
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_cgi_env(root, request)
    )
    output, _ = await process.communicate(await request.read())
    head, _, body = output.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    status = int(fields.pop("Status", "200").split()[0])
    return web.Response(status=status, body=body, headers=fields)


def _cgi_env(root: Path, request: web.Request) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()
