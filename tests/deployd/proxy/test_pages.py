"""deployd's own answers: the form that is asked for, the name of whoever runs it, and which request it was."""

import re

import msgspec
import pytest

from deployd.proxy.pages import Pages

BROWSER = b"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
JSON = b"accept: application/json\r\n"


def shown(fields: bytes, brand: str = "", **more: str) -> str:
    return Pages(brand).render(404, "No <app>.", fields, **more)[1].decode()


@pytest.mark.parametrize(
    ("fields", "content_type"),
    [
        (b"", b"text/plain; charset=utf-8"),
        (b"Accept: */*\r\n", b"text/plain; charset=utf-8"),
        (BROWSER, b"text/html; charset=utf-8"),
        (JSON, b"application/problem+json"),
    ],
)
def test_people_get_a_page_and_programs_what_they_can_read(fields: bytes, content_type: bytes) -> None:
    assert Pages().render(404, "No app.", fields)[0] == content_type


def test_each_form_says_which_request_it_was() -> None:
    assert shown(b"", request_id="r-1") == "404 Nothing is served at this address\nNo <app>.\nRequest: r-1\n"
    assert "<footer>404 · Request <code>r-1</code></footer>" in shown(BROWSER, request_id="r-1")
    assert msgspec.json.decode(shown(JSON, request_id="r-1")) == {
        "status": 404,
        "title": "Nothing is served at this address",
        "detail": "No <app>.",
        "request_id": "r-1",
    }


def test_what_was_no_request_has_none() -> None:
    assert shown(b"") == "404 Nothing is served at this address\nNo <app>.\n"
    assert "<footer>404</footer>" in shown(BROWSER)
    assert "request_id" not in shown(JSON)


def test_a_page_bears_the_name_of_whoever_runs_it_and_no_other() -> None:
    page = shown(BROWSER, "Acme & Sons", request_id="r-1")
    assert re.findall("<title>(.*)</title>", page) == ["404 Nothing is served at this address · Acme &amp; Sons"]
    assert "<footer>404 · Acme &amp; Sons · Request <code>r-1</code></footer>" in page
    assert "deployd" not in page


def test_a_reason_is_text_and_never_markup() -> None:
    assert "<p>No &lt;app&gt;.</p>" in shown(BROWSER)
