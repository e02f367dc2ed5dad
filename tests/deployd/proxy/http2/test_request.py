"""A header list becomes the head of an HTTP/1.1 request."""

import pytest

from deployd.proxy.http2.request import Malformed, http1_head

START = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.test"), (b":path", b"/")]


@pytest.mark.parametrize(
    ("fields", "ended", "lines"),
    [
        ([], True, b""),
        ([], False, b"transfer-encoding: chunked\r\n"),
        ([(b"content-length", b"3")], False, b"content-length: 3\r\n"),
        ([(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")], True, b"x: y\r\ncookie: a=1; b=2\r\n"),
        ([(b"host", b"other.test")], True, b""),
        ([(b"expect", b"100-continue")], True, b""),
    ],
)
def test_the_same_request_in_other_words(fields: list[tuple[bytes, bytes]], ended: bool, lines: bytes) -> None:
    assert http1_head([*START, *fields], ended) == b"GET / HTTP/1.1\r\nhost: a.test\r\n" + lines + b"\r\n"


def test_the_host_field_serves_where_there_is_no_authority() -> None:
    headers = [START[0], START[1], START[3], (b"host", b"b.test")]
    assert http1_head(headers, True) == b"GET / HTTP/1.1\r\nhost: b.test\r\n\r\n"


@pytest.mark.parametrize(
    "field",
    [
        (b"X-Upper", b"a"),
        (b"x y", b"a"),
        (b"x", b"a\r\nb: c"),
        (b"x", b"a\x00"),
        (b"", b"a"),
        (b"connection", b"close"),
        (b"keep-alive", b"5"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"websocket"),
        (b":path", b"/twice"),
        (b":protocol", b"websocket"),
    ],
)
def test_what_http_1_could_misread_is_malformed(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        http1_head([*START, field], True)
    with pytest.raises(Malformed):
        http1_head([*START, (b"a", b"b"), field], True)


@pytest.mark.parametrize("missing", [b":method", b":authority", b":path"])
def test_a_request_without_its_start_is_malformed(missing: bytes) -> None:
    with pytest.raises(Malformed):
        http1_head([field for field in START if field[0] != missing], True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b":method", b"GET /x"),
        (b":method", b"get"),
        (b":path", b"/a b"),
        (b":path", b"/\r\nx: y"),
        (b":path", b"a"),
        (b":path", b"/\xff"),
        (b":authority", b"a.test\r\nx: y"),
        (b":authority", b"a b"),
    ],
)
def test_a_start_that_would_be_read_as_more_is_malformed(name: bytes, value: bytes) -> None:
    with pytest.raises(Malformed):
        http1_head([(key, value if key == name else old) for key, old in START], True)
