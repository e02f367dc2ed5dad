"""A file's name says what it holds, and whether another version of it can ever have the same name."""

import pytest

from deployd.proxy.file_types import caching, content_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", b"text/html; charset=utf-8"),
        ("a.JS", b"text/javascript; charset=utf-8"),
        ("a.json", b"application/json; charset=utf-8"),
        ("a.svg", b"image/svg+xml; charset=utf-8"),
        ("a.wasm", b"application/wasm"),
        ("a.mjs", b"text/javascript; charset=utf-8"),
        ("a.js.map", b"application/json; charset=utf-8"),
        ("a.webmanifest", b"application/manifest+json; charset=utf-8"),
        ("a.xhtml", b"application/xhtml+xml"),
        ("a.rss", b"application/rss+xml"),
        ("a.avif", b"image/avif"),
        ("a.jxl", b"image/jxl"),
        ("a.woff2", b"font/woff2"),
        ("a.ttf", b"font/ttf"),
        ("a.m4a", b"audio/mp4"),
        ("a.ogg", b"audio/ogg"),
        ("a.flac", b"audio/flac"),
        ("a.m4v", b"video/mp4"),
        ("a.ts", b"video/mp2t"),
        ("a.glb", b"model/gltf-binary"),
        ("a.js.gz", b"application/gzip"),
        ("a.js.zst", b"application/zstd"),
        ("a.js.br", b"application/octet-stream"),
        ("a.tar.xz", b"application/x-xz"),
        ("a", b"application/octet-stream"),
    ],
)
def test_types_are_told_by_name(name: str, expected: bytes) -> None:
    assert content_type(name) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/main.3f2a9b1c.js",
        "/static/js/main.3f2a9b1c.chunk.js",
        "/css/app.3f2a9b1c77aa0011ffee.css",
        "/app-3f2a9b1c77aa0011ffee.css.map",
        "/main-5XKQZ2PL.js",
        "/assets/index-DXV2wpOM.js",
        "/assets/index-CiVlrD6n.css",
        "/docs/assets/logo-a_B3-dE9.svg",
        "/_next/static/chunks/pages/index.js",
        "/_app/immutable/entry/start.js",
        "/_nuxt/entry.js",
    ],
)
def test_what_is_named_by_its_content_is_kept_for_good(path: str) -> None:
    assert caching(path) == b"Cache-Control: public, max-age=31536000, immutable\r\n"


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/index.3f2a9b1c.html",
        "/_next/static/page.html",
        "/style.css",
        "/assets/style.css",
        "/assets/jquery-migrated.js",
        "/assets/OpenSans-SemiBold.ttf",
        "/assets/photo-IMG_1234.jpg",
        "/assets/report-20240101.pdf",
        "/assets/menu-DOWNLOAD.png",
        "/backup.20240101.json",
        "/logo.deadbeef.png",
        "/js/index-DXV2wpOM.js",
        "/sw.js",
    ],
)
def test_everything_else_is_asked_for_again(path: str) -> None:
    assert caching(path) == b"Cache-Control: no-cache\r\n"
