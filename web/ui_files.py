"""Serves the built log page: /logs and its assets."""

import asyncio
import re
from pathlib import Path

from aiohttp import web

PAGE_PATH = "/logs"
_DIST = Path(__file__).parent / "ui" / "dist"
_NOT_BUILT = "The log page was not built: run `make page` where deployd's sources are, then load it again.\n"
_ASSET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8}\.\w+\Z")  # as Vite names a file whose content never changes
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_routes(dist: Path = _DIST) -> list[web.RouteDef]:
    async def page(request: web.Request) -> web.StreamResponse:
        html = await asyncio.to_thread(_content, dist / "index.html")
        if html is None:
            return web.Response(status=503, text=_NOT_BUILT, headers={"Cache-Control": "no-store"})
        return _answer(html, "text/html", "no-cache")

    async def asset(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        kind = _TYPES.get(Path(name).suffix)
        if kind is None or not _ASSET.fullmatch(name):
            raise web.HTTPNotFound
        content = await asyncio.to_thread(_content, dist / "assets" / name)
        if content is None:
            raise web.HTTPNotFound
        return _answer(content, kind, "public, max-age=31536000, immutable" if _HASHED.search(name) else "max-age=3600")

    async def without_slash(request: web.Request) -> web.StreamResponse:
        raise web.HTTPPermanentRedirect(PAGE_PATH)

    return [
        web.get(PAGE_PATH, page),
        web.get(f"{PAGE_PATH}/", without_slash),
        web.get(f"{PAGE_PATH}/assets/{{name}}", asset),
    ]


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _answer(content: bytes, kind: str, caching: str) -> web.Response:
    answer = web.Response(
        body=content,
        content_type=kind,
        charset="utf-8",
        headers={"Cache-Control": caching, "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"},
    )
    answer.enable_compression()
    return answer
