"""Names as people write them, and what they are told to write instead."""

import pytest

from deployd.domain.app import AppSettings, with_ascii_domains
from deployd.domain.host_name import in_ascii, is_host_name, why_no_host_name


@pytest.mark.parametrize(
    ("written", "asked_for"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("*.bücher.example/api", "*.xn--bcher-kva.example/api"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("www.example.com", "www.example.com"),
        ("example.com/ä", "example.com/ä"),
        ("☃.example", "☃.example"),
    ],
)
def test_a_name_beyond_ascii_becomes_what_browsers_ask_for(written: str, asked_for: str) -> None:
    assert in_ascii(written) == asked_for
    assert with_ascii_domains(AppSettings(domains=(written,))).domains == (asked_for,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://shop.example", 'leave out `https://`: "shop.example"'),
        ("https://shop.example/", 'leave out `https://` and the slash at its end: "shop.example"'),
        ("shop.example:8080", 'leave out the port `:8080`: "shop.example"'),
        ("Shop.Example", 'write it in lower case: "shop.example"'),
        (" shop.example.", 'leave out the spaces around it and the dot at its end: "shop.example"'),
        ("http://me@bücher.example:1/api/", 'the slash at its end: "xn--bcher-kva.example/api"'),
        ("shop.example/", 'leave out the slash at its end: "shop.example"'),
        ("my_shop.example", "it may hold letters, digits, - and dots, but no _"),
        ("☃.example", "can be written in ASCII"),
        ("a..b", "such as www.example.com (lower case)"),
        ("", "such as www.example.com"),
    ],
)
def test_what_is_no_domain_is_told_what_to_leave_out(text: str, why: str) -> None:
    assert why in why_no_host_name(text, domain=True)


def test_a_host_without_paths_is_told_to_leave_out_the_path() -> None:
    assert why_no_host_name("shop.example/api").endswith('leave out the path: "shop.example"')


@pytest.mark.parametrize(
    "text", ["https://", "://", ":80", "/", "//", ".", "@", "*.", "https://*.a/b?c#d", "\0", "a" * 300]
)
def test_what_is_suggested_is_always_a_host_name(text: str) -> None:
    said = why_no_host_name(text)
    if said.endswith('"'):
        assert is_host_name(said.rpartition(': "')[2].removesuffix('"'))
