"""Recognising a repeated head gives what reading it would give, or nothing."""

import pytest

from deployd.proxy.known_request import KnownRequest
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.request_head import RequestHead, parse_request

FIELDS = (
    b"Host: app.test\r\nCookie: a=b\r\nConnection: keep-alive\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 3\r\n\r\n"
)
RAW = b"POST /one HTTP/1.1\r\n" + FIELDS
LIMITS = ProxyLimits()


def said(head: RequestHead | None) -> dict[str, object]:
    return {name: getattr(head, name) for name in RequestHead.__slots__}


@pytest.mark.parametrize("line", [b"POST /one HTTP/1.1\r\n", b"POST /two?a=%20b&c=%2F HTTP/1.1\r\n"])
def test_the_same_fields_are_recognised_under_any_plain_path(line: bytes) -> None:
    raw = line + FIELDS
    head, end = KnownRequest(RAW, parse_request(RAW, LIMITS)).recognise(raw + b"abcGET / HTTP/1.1\r\n")
    assert said(head) == said(parse_request(raw, LIMITS))
    assert end == len(raw)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /one HTTP/1.1\r\n" + FIELDS,
        b"POST /one HTTP/1.0\r\n" + FIELDS,
        b"POST  /one HTTP/1.1\r\n" + FIELDS,
        b"POST one HTTP/1.1\r\n" + FIELDS,
        b"POST /o#ne HTTP/1.1\r\n" + FIELDS,
        b"POST /o\nne HTTP/1.1\r\n" + FIELDS,
        b"POST http://other.test/ HTTP/1.1\r\n" + FIELDS,
        b"POST /one HTTP/1.1\r\n" + FIELDS[:-1],
        b"POST /one HTTP/1.1\r\n" + FIELDS[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
        b"POST /one HTTP/1.1\r\nX: y\r\n" + FIELDS,
        b"\r\n" + RAW,
        b"POST /one",
        b"",
    ],
)
def test_anything_else_has_to_be_read(data: bytes) -> None:
    assert KnownRequest(RAW, parse_request(RAW, LIMITS)).recognise(data) == (None, 0)


def test_an_old_request_is_only_recognised_as_itself() -> None:
    raw = b"GET / HTTP/1.0\r\nHost: app.test\r\n\r\n"
    known = KnownRequest(raw, parse_request(raw, LIMITS))
    assert known.recognise(raw)[0] is not None
    assert known.recognise(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n") == (None, 0)
