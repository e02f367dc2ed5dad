"""Compressed copies beside a site's files are sent to those who take them, under the file's own name."""

import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from deployd.domain.route import StaticSite
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Received, connected, get

SCRIPT = b"export const answer = 42;\n" * 20_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.js").write_bytes(SCRIPT)
    (tmp_path / "app.js.gz").write_bytes(zlib.compress(SCRIPT, 9, 31))
    (tmp_path / "app.js.zst").write_bytes(zstandard.ZstdCompressor().compress(SCRIPT) + b"")
    (tmp_path / "app.js.br").write_bytes(brotli.compress(SCRIPT))
    (tmp_path / "half.css").write_bytes(SCRIPT)
    (tmp_path / "half.css.gz").write_bytes(zlib.compress(SCRIPT, 9, 31))
    (tmp_path / "plain.txt").write_bytes(SCRIPT)
    (tmp_path / "404.html").write_bytes(SCRIPT)
    (tmp_path / "404.html.gz").write_bytes(zlib.compress(SCRIPT, 9, 31))
    (tmp_path / "lone.txt.gz").write_bytes(zlib.compress(SCRIPT, 9, 31))
    return tmp_path


@pytest.fixture
def site(bench: Bench, folder: Path) -> Bench:
    bench.route(site=StaticSite(root=str(folder)))
    return bench


async def asked(bench: Bench, path: str, accept: str = "", extra: str = "") -> Received:
    async with connected(bench.port) as client:
        await client.send(get(path, extra=(f"Accept-Encoding: {accept}\r\n" if accept else "") + extra))
        return await client.response()


@pytest.mark.parametrize(
    ("path", "accept", "copy"),
    [
        ("/app.js", "", ""),
        ("/app.js", "identity", ""),
        ("/app.js", "gzip", "gz"),
        ("/app.js", "zstd", "zst"),
        ("/app.js", "br", "br"),
        ("/app.js", "gzip, deflate, br, zstd", "smallest"),
        ("/app.js", "gzip, br;q=0.5, zstd;q=0.5", "gz"),
        ("/app.js", "*;q=0.1, br;q=0, zstd;q=0", "gz"),
        ("/app.js", "gzip;q=0", ""),
        ("/half.css", "br, zstd", ""),
        ("/half.css", "br, gzip;q=0.1", "gz"),
        ("/plain.txt", "gzip", ""),
    ],
)
async def test_the_client_gets_a_copy_that_it_takes(
    site: Bench, folder: Path, path: str, accept: str, copy: str
) -> None:
    copies = {"gz": b"gzip", "zst": b"zstd", "br": b"br"}
    if copy == "smallest":
        copy = min(copies, key=lambda suffix: (folder / f"app.js.{suffix}").stat().st_size)
    answer = await asked(site, path, accept)
    assert answer.status == 200
    assert answer.body == (folder / (path[1:] + ("." + copy if copy else ""))).read_bytes()
    assert answer.field("content-encoding") == copies.get(copy)
    assert answer.field("vary") == (None if path == "/plain.txt" else b"Accept-Encoding")
    assert answer.field("content-type") == (await asked(site, path)).field("content-type")


async def test_each_representation_has_its_own_tag(site: Bench) -> None:
    tags = [(await asked(site, "/app.js", accept)).field("etag") for accept in ("", "gzip", "zstd", "br")]
    assert len(set(tags)) == 4
    for tag, accept in zip(tags, ("", "gzip", "zstd", "br"), strict=True):
        assert tag is not None
        again = await asked(site, "/app.js", accept, f"If-None-Match: {tag.decode()}\r\n")
        assert (again.status, again.field("vary")) == (304, b"Accept-Encoding")
    assert tags[1] is not None
    assert (await asked(site, "/app.js", "", f"If-None-Match: {tags[1].decode()}\r\n")).status == 200


async def test_parts_are_parts_of_the_copy(site: Bench, folder: Path) -> None:
    answer = await asked(site, "/app.js", "gzip", "Range: bytes=10-19\r\n")
    assert (answer.status, answer.field("content-encoding")) == (206, b"gzip")
    assert answer.body == (folder / "app.js.gz").read_bytes()[10:20]


async def test_a_copy_asked_for_by_its_name_is_a_file_like_others(site: Bench, folder: Path) -> None:
    answer = await asked(site, "/app.js.gz", "gzip")
    assert (answer.field("content-type"), answer.field("content-encoding")) == (b"application/gzip", None)
    assert answer.body == (folder / "app.js.gz").read_bytes()


async def test_a_copy_without_its_file_is_not_served_in_its_place(site: Bench) -> None:
    answer = await asked(site, "/lone.txt", "gzip")
    assert (answer.status, answer.field("content-encoding")) == (404, b"gzip")
    assert zlib.decompress(answer.body, 31) == SCRIPT  # the 404 page is one of the site's files


async def test_a_copy_that_leads_out_of_the_site_is_passed_over(
    bench: Bench, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("secret")
    (folder / "plain.txt.gz").symlink_to(secret)
    bench.route(site=StaticSite(root=str(folder)))
    answer = await asked(bench, "/plain.txt", "gzip")
    assert (answer.body, answer.field("content-encoding")) == (SCRIPT, None)
