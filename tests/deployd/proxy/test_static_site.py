"""A static site serves its files, the whole of them, and nothing else."""

import asyncio
import os
from pathlib import Path

import pytest

from deployd.domain.route import StaticSite
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import connected, get

BIG = os.urandom(1_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "docs" / ".hidden").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / ".well-known").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "site-too").mkdir()
    (tmp_path / "site-too" / "secret.txt").write_text("secret")
    (root / "index.html").write_text("home")
    (root / "about.html").write_text("about")
    (root / "team").mkdir()
    (root / "team.html").write_text("team")
    (root / "team" / "ann.html").write_text("ann")
    (root / "app.js").write_text("0123456789")
    (root / "a b.txt").write_text("space")
    (root / "docs" / "index.html").write_text("docs")
    (root / "docs" / ".hidden" / "x").write_text("secret")
    (root / ".env").write_text("secret")
    (root / ".well-known" / "x").write_text("known")
    (root / "big.bin").write_bytes(BIG)
    (root / "out").symlink_to(tmp_path)
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "hid.txt").symlink_to(root / ".env")
    (root / "in.txt").symlink_to(root / "app.js")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def site(bench: Bench, folder: Path) -> Bench:
    bench.route(site=StaticSite(root=str(folder)))
    return bench


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/", b"home", b"text/html; charset=utf-8"),
        ("/index.html?v=1", b"home", b"text/html; charset=utf-8"),
        ("/app.js", b"0123456789", b"text/javascript; charset=utf-8"),
        ("/a%20b.txt", b"space", b"text/plain; charset=utf-8"),
        ("/docs/", b"docs", b"text/html; charset=utf-8"),
        ("/about", b"about", b"text/html; charset=utf-8"),
        ("/about.html", b"about", b"text/html; charset=utf-8"),
        ("/index", b"home", b"text/html; charset=utf-8"),
        ("/team", b"team", b"text/html; charset=utf-8"),
        ("/team/ann", b"ann", b"text/html; charset=utf-8"),
        ("//docs//index.html", b"docs", b"text/html; charset=utf-8"),
        ("/.well-known/x", b"known", b"application/octet-stream"),
        ("/in.txt", b"0123456789", b"text/plain; charset=utf-8"),
        ("/big.bin", BIG, b"application/octet-stream"),
    ],
)
async def test_files_are_found_and_typed(site: Bench, path: str, body: bytes, content_type: bytes) -> None:
    async with connected(site.port) as client:
        for _ in range(2):
            await client.send(get(path))
            answer = await client.response()
            assert (answer.status, answer.body) == (200, body)
            assert answer.field("content-type") == content_type
        await client.send(b"HEAD %b HTTP/1.1\r\nHost: app.test\r\n\r\n" % path.encode())
        assert (await client.response("HEAD")).field("content-length") == b"%d" % len(body)


@pytest.mark.parametrize(
    "path",
    [
        "/missing",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/docs/../../secret.txt",
        "/..%2f..%2f..%2f..%2fetc/passwd",
        "/..%5csecret.txt",
        "/../site-too/secret.txt",
        "/out/secret.txt",
        "/out.txt",
        "/hid.txt",
        "/.env",
        "/%2eenv",
        "/docs/.hidden/x",
        "/app.js/",
        "/app",
        "/out/secret",
        "/out/secret.txt.html",
        "/fifo",
        "/app.js%00.html",
        "/%ff",
        "/empty/",
        "/empty",
        "/" + "a" * 300,
    ],
)
async def test_nothing_outside_and_nothing_hidden_is_served(site: Bench, path: str) -> None:
    async with connected(site.port) as client:
        await client.send(get(path))
        answer = await client.response()
        assert answer.status == 404
        assert b"secret" not in answer.body


async def test_a_folder_has_a_slash_and_a_page_has_none(site: Bench) -> None:
    async with connected(site.port) as client:
        await client.send(get("/docs?a=1") + get("//docs") + get("/about/?b") + get("//team/"))
        answers = [await client.response() for _ in range(4)]
        assert [answer.status for answer in answers] == [301] * 4
        places = [answer.field("location") for answer in answers]
        assert places == [b"/docs/?a=1", b"/docs/", b"/about?b", b"/team"]


async def test_a_known_version_is_not_sent_again(site: Bench) -> None:
    async with connected(site.port) as client:
        await client.send(get("/app.js"))
        first = await client.response()
        etag, modified = first.field("etag"), first.field("last-modified")
        assert etag is not None
        assert modified is not None
        for condition, status in (
            (f"If-None-Match: {etag.decode()}", 304),
            (f'If-None-Match: "other", W/{etag.decode()}', 304),
            ('If-None-Match: "other"', 200),
            (f"If-Modified-Since: {modified.decode()}", 304),
            ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200),
            ("If-Modified-Since: yesterday", 200),
            (f'If-None-Match: "other"\r\nIf-Modified-Since: {modified.decode()}', 200),
        ):
            await client.send(get("/app.js", extra=condition + "\r\n"))
            assert (await client.response()).status == status, condition


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-100", 206, b"56789"),
        ("bytes=-100", 206, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=3-1", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ('bytes=0-3\r\nIf-Range: "other"', 200, b"0123456789"),
    ],
)
async def test_one_range_is_served(site: Bench, wanted: str, status: int, body: bytes | None) -> None:
    async with connected(site.port) as client:
        await client.send(get("/app.js", extra=f"Range: {wanted}\r\n"))
        answer = await client.response()
        assert answer.status == status
        if body is not None:
            assert answer.body == body


async def test_a_range_of_a_big_file_is_read_from_the_disk(site: Bench) -> None:
    async with connected(site.port) as client:
        await client.send(get("/big.bin", extra="Range: bytes=500000-899999\r\n"))
        answer = await client.response()
        assert answer.body == BIG[500_000:900_000]
        assert answer.field("content-range") == b"bytes 500000-899999/1000000"


async def test_a_changed_file_is_served_anew_within_a_sweep(make_bench: MakeBench, folder: Path) -> None:
    bench = await make_bench(limits=ProxyLimits(sweep_seconds=0.02, access_batch_seconds=0.01))
    bench.route(site=StaticSite(root=str(folder)))
    async with connected(bench.port) as client, asyncio.timeout(5):
        await client.send(get("/app.js"))
        assert (await client.response()).body == b"0123456789"
        (folder / "app.js").write_text("changed")
        body = b""
        while body != b"changed":
            await client.send(get("/app.js"))
            body = (await client.response()).body
        (folder / "app.js").unlink()
        (folder / "app.js").symlink_to(folder.parent / "secret.txt")
        status = 200
        while status != 404:
            await client.send(get("/app.js"))
            answer = await client.response()
            assert b"secret" not in answer.body
            status = answer.status


async def test_a_missing_page_is_the_sites_own_404_page(site: Bench, folder: Path) -> None:
    (folder / "404.html").write_text("lost")
    async with connected(site.port) as client:
        await client.send(get("/missing"))
        answer = await client.response()
        assert (answer.status, answer.body) == (404, b"lost")


async def test_a_single_page_app_draws_its_own_paths(bench: Bench, folder: Path) -> None:
    bench.route(site=StaticSite(root=str(folder), spa=True))
    async with connected(bench.port) as client:
        await client.send(get("/users/42") + get("/missing.js") + get("/.env"))
        answers = [await client.response() for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 404, 404]
        assert answers[0].body == b"home"


async def test_only_reading_is_allowed(site: Bench) -> None:
    async with connected(site.port) as client:
        await client.send(b"OPTIONS /app.js HTTP/1.1\r\nHost: app.test\r\n\r\n")
        await client.send(b"OPTIONS * HTTP/1.1\r\nHost: app.test\r\n\r\n")
        await client.send(b"DELETE / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        answers = [await client.response() for _ in range(3)]
        assert [answer.status for answer in answers] == [204, 204, 405]
        assert {answer.field("allow") for answer in answers} == {b"GET, HEAD, OPTIONS"}


async def test_how_long_a_file_may_be_kept_is_told(site: Bench, folder: Path) -> None:
    (folder / "main.3f2a9b1c.js").write_text("hashed")
    async with connected(site.port) as client:
        for path, caching in (
            ("/", b"no-cache"),
            ("/app.js", b"no-cache"),
            ("/main.3f2a9b1c.js", b"public, max-age=31536000, immutable"),
        ):
            await client.send(get(path))
            answer = await client.response()
            assert answer.field("cache-control") == caching
            await client.send(get(path, extra="If-None-Match: *\r\n"))
            unchanged = await client.response()
            assert (unchanged.status, unchanged.field("cache-control")) == (304, caching)
            assert unchanged.field("etag") == answer.field("etag")


async def test_a_demanded_version_that_is_gone_is_not_replaced_by_another(site: Bench) -> None:
    async with connected(site.port) as client:
        await client.send(get("/app.js", extra='If-Match: "old"\r\n'))
        assert (await client.response()).status == 412


async def test_memory_for_files_is_bounded(make_bench: MakeBench, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("x" * 10_000)
    bench = await make_bench(limits=ProxyLimits(static_cache_bytes=50_000, access_batch_seconds=0.01))
    bench.route(site=StaticSite(root=str(tmp_path)))
    async with connected(bench.port) as client:
        for number in range(20):
            await client.send(get(f"/{number}.txt"))
            assert len((await client.response()).body) == 10_000
    assert 0 < bench.proxy.stats().cached_bytes <= 50_000
