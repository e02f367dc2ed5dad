"""An error page is a small regular file of the release, and nothing else is ever shown."""

import os
from pathlib import Path

import pytest

from deployd.proxy.error_pages import PAGE_BYTES, ErrorPages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    (folder / "pages").mkdir(parents=True)
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "release-2").mkdir()
    (tmp_path / "release-2/a.html").write_text("secret")
    (folder / "a.html").write_text("page")
    (folder / "pages/b.txt").write_text("text")
    (folder / "page").write_text("bare")
    (folder / "large.html").write_bytes(b"x" * (PAGE_BYTES + 1))
    (folder / "full.html").write_bytes(b"x" * PAGE_BYTES)
    (folder / "within.html").symlink_to("pages/b.txt")
    (folder / "out.html").symlink_to("../secret.html")
    (folder / "beside.html").symlink_to("../release-2/a.html")
    (folder / "outside").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.html")
    return folder


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("a.html", b"text/html; charset=utf-8"),
        ("pages/b.txt", b"text/plain; charset=utf-8"),
        ("./pages/../a.html", b"text/html; charset=utf-8"),
        ("page", b"text/html; charset=utf-8"),
        ("full.html", b"text/html; charset=utf-8"),
        ("within.html", b"text/html; charset=utf-8"),
    ],
)
def test_a_file_of_the_release_is_a_page(folder: Path, file: str, content_type: bytes) -> None:
    page = ErrorPages(str(folder), {"503": file}).find(503)
    assert page is not None
    assert (page.content_type, page.body) == (content_type, (folder / file).read_bytes())


@pytest.mark.parametrize(
    "file",
    [
        "missing.html",
        "pages",
        "large.html",
        "out.html",
        "beside.html",
        "outside/secret.html",
        "../secret.html",
        "../release-2/a.html",
        "/etc/hostname",
        "pipe.html",
        "a.html/",
        "",
    ],
)
def test_anything_else_is_none(folder: Path, file: str) -> None:
    assert ErrorPages(str(folder), {"503": file}).find(503) is None


def test_a_status_goes_before_its_class(folder: Path) -> None:
    pages = ErrorPages(str(folder), {"503": "a.html", "5xx": "pages/b.txt"})
    found = {status: pages.find(status) for status in (502, 503, 404)}
    assert {status: page and page.body for status, page in found.items()} == {502: b"text", 503: b"page", 404: None}


def test_a_page_is_read_once(folder: Path) -> None:
    pages = ErrorPages(str(folder), {"5xx": "a.html"})
    pages.find(500)
    (folder / "a.html").unlink()
    page = pages.find(502)
    assert page is not None
    assert page.body == b"page"
