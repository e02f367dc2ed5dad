from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from web.ui_files import page_routes


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>Logs</title>")
    (dist / "assets" / "index-BEbHgGqN.js").write_text("let a = 1;" * 100)
    (dist / "assets" / "icon.svg").write_text("<svg/>")
    (dist / "assets" / ".hidden.js").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    return dist


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[ClientSession]:
    app = web.Application()
    app.add_routes(page_routes(dist))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        yield client
    await runner.cleanup()


async def test_the_page_is_asked_for_anew_and_may_run_only_its_own_scripts(client: ClientSession) -> None:
    async with client.get("/logs") as answer:
        assert await answer.text() == "<title>Logs</title>"
        assert (answer.content_type, answer.headers["Cache-Control"]) == ("text/html", "no-cache")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_a_file_named_by_its_content_is_kept_for_good(client: ClientSession) -> None:
    async with client.get("/logs/assets/index-BEbHgGqN.js") as answer:
        assert (answer.status, answer.content_type) == (200, "text/javascript")
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Encoding"] in {"gzip", "deflate"}
    async with client.get("/logs/assets/icon.svg") as answer:
        assert (answer.content_type, answer.headers["Cache-Control"]) == ("image/svg+xml", "max-age=3600")


@pytest.mark.parametrize(
    "name", ["no-such.js", ".hidden.js", "..%2f..%2foutside.js", "%2e%2e/%2e%2e/outside.js", "index.html", "a%00.js"]
)
async def test_nothing_else_is_served(client: ClientSession, name: str) -> None:
    async with client.get(URL(f"/logs/assets/{name}", encoded=True)) as answer:
        assert answer.status == 404


async def test_the_address_with_a_slash_leads_to_the_page(client: ClientSession) -> None:
    async with client.get("/logs/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/logs")


async def test_a_page_that_was_not_built_says_so(client: ClientSession, dist: Path) -> None:
    (dist / "index.html").unlink()
    async with client.get("/logs") as answer:
        assert answer.status == 503
        assert "was not built" in await answer.text()
