"""Which settings of the proxy are taken and which are refused."""

import pytest

from deployd.domain.app import AppSettings, check_settings
from deployd.domain.edge import EdgeSettings
from deployd.domain.errors import UserMistake

HASH = f"scrypt:{'0a' * 16}:{'0b' * 32}"
GOOD: list[dict[str, object]] = [
    {},
    {"canonical": "www.a.test"},
    {"canonical": "b.wild.test"},
    {"basic_auth": {"me": HASH}},
    {"allow": ("10.0.0.0/8", "10.0.0.1/8", "::1", "2001:db8::/32")},
    {"redirects": {"/": "/new", "/a/*": "https://b.test:8443/x/*?y=*", "/b*": "http://b.test", "/%C3%A4": "/%C3%A4"}},
    {"error_pages": {"503": "down.html", "4xx": "errors/client.html"}},
]  # fmt: skip
BAD: list[dict[str, object]] = [
    {"canonical": "other.test"},
    {"canonical": "A.test"},
    {"canonical": "a.test/x"},
    {"canonical": "a.test\r\nX: y"},
    {"canonical": "wild.test"},
    {"basic_auth": {"me": "open sesame"}},
    {"basic_auth": {"me:you": HASH}},
    {"basic_auth": {"": HASH}},
    {"allow": ("10.0.0.0/33",)},
    {"allow": ("localhost",)},
    {"redirects": {"old": "/new"}},
    {"redirects": {"/old": ""}},
    {"redirects": {"/old": "new"}},
    {"redirects": {"/a*b": "/c"}},
    {"redirects": {"/*": "https://a.test*"}},
    {"redirects": {"/*": "https://me@a.test/"}},
    {"redirects": {"/*": "javascript:alert(1)"}},
    {"redirects": {"/old": "/a\r\nX: y"}},
    {"redirects": {"/old": "/a\x00"}},
    {"redirects": {"/old": "/ä"}},
    {"error_pages": {"200": "x.html"}},
    {"error_pages": {"5xy": "x.html"}},
    {"error_pages": {"503": "/etc/passwd"}},
    {"error_pages": {"503": "../x"}},
]


def checked(proxy: dict[str, object]) -> None:
    domains = ("a.test", "www.a.test/shop", "*.wild.test")
    settings = EdgeSettings(**proxy)  # type: ignore[arg-type]
    check_settings("shop", AppSettings(repo="https://git.test/shop.git", domains=domains, proxy=settings))


@pytest.mark.parametrize("proxy", GOOD)
def test_these_settings_are_taken(proxy: dict[str, object]) -> None:
    checked(proxy)


@pytest.mark.parametrize("proxy", BAD)
def test_these_are_refused_by_name(proxy: dict[str, object]) -> None:
    with pytest.raises(UserMistake, match=r"App 'shop': `proxy\."):
        checked(proxy)
