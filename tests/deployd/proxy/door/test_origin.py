"""One redirect brings a request to the right scheme and host."""

import pytest

from deployd.proxy.door.origin import Origin
from deployd.proxy.request_head import RequestHead
from deployd.proxy.route_table import plain_host

HTTP, HTTPS = b"http", b"https"


class Held:
    """Certificates for these hosts."""

    def __init__(self, *hosts: bytes) -> None:
        self._hosts = hosts

    def has(self, host: bytes) -> bool:
        return host in self._hosts


BOTH = Held(b"a.test", b"www.a.test")
#       canonical, certificates, port, scheme, Host, target, location
TABLE = [
    ("", None, 443, HTTP, b"a.test", b"/", None),
    ("", BOTH, 443, HTTP, b"a.test", b"/x?y=1", b"https://a.test/x?y=1"),
    ("", BOTH, 443, HTTP, b"A.TEST.:8080", b"/", b"https://a.test/"),
    ("", BOTH, 8443, HTTP, b"a.test:8080", b"/", b"https://a.test:8443/"),
    ("", BOTH, 443, HTTPS, b"a.test", b"/", None),
    ("", BOTH, 443, HTTP, b"b.test", b"/", None),
    ("", BOTH, 443, HTTP, b"a.test", b"/.well-known/acme-challenge/token", None),
    ("", BOTH, 443, HTTP, b"a.test", b"/.well-known/security.txt", b"https://a.test/.well-known/security.txt"),
    ("", BOTH, 443, HTTP, b"a.test", b"*", None),
    ("www.a.test", None, 443, HTTP, b"a.test", b"/x?y", b"http://www.a.test/x?y"),
    ("www.a.test", None, 443, HTTP, b"a.test:8080", b"/", b"http://www.a.test:8080/"),
    ("www.a.test", None, 443, HTTP, b"WWW.A.test:8080", b"/", None),
    ("www.a.test", None, 443, HTTPS, b"a.test", b"/", b"https://www.a.test/"),
    ("www.a.test", None, 443, HTTP, b"a.test", b"/.well-known/acme-challenge/token", None),
    ("www.a.test", BOTH, 443, HTTP, b"a.test", b"/x", b"https://www.a.test/x"),
    ("www.a.test", BOTH, 443, HTTP, b"www.a.test", b"/x", b"https://www.a.test/x"),
    ("www.a.test", BOTH, 443, HTTPS, b"a.test:8443", b"/x", b"https://www.a.test:8443/x"),
    ("www.a.test", BOTH, 443, HTTPS, b"www.a.test:8443", b"/x", None),
    ("www.a.test", Held(b"a.test"), 443, HTTP, b"a.test", b"/", b"http://www.a.test/"),
    ("www.a.test", None, 443, HTTP, b"[::1]", b"/", b"http://www.a.test/"),
    ("www.a.test", None, 443, HTTP, b"[::1]:80", b"/", b"http://www.a.test:80/"),
    ("www.a.test", None, 443, HTTP, b"a.test", b"//evil.test", b"http://www.a.test//evil.test"),
]


@pytest.mark.parametrize("row", TABLE)
def test_a_request_is_sent_where_the_table_says(
    row: tuple[str, Held | None, int, bytes, bytes, bytes, bytes | None],
) -> None:
    canonical, held, port, scheme, host, target, location = row
    head = RequestHead(b"GET", target, True)
    head.host = host
    head.name = plain_host(host)
    assert location == Origin(canonical, held, port).elsewhere(head, scheme)
