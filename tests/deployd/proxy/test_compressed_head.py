"""Which answers may be compressed on their way, and what their heads say then."""

import pytest

from deployd.proxy.compressed_head import plain
from deployd.proxy.response_head import parse_response

JSON = b"Content-Type: application/json\r\n"


def lines(fields: bytes, status: bytes = b"200 OK", length: int = -1) -> bytes | None:
    answer = plain(parse_response(b"HTTP/1.1 %b\r\n%b\r\n" % (status, fields), False))
    return answer.packed(b"gzip", length).lines if answer is not None else None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 5000\r\n", b"200 OK"),
        (JSON + b"Content-Length: 1023\r\n", b"200 OK"),
        (JSON + b"Content-Length: 5000\r\nContent-Encoding: br\r\n", b"200 OK"),
        (JSON + b"Content-Length: 5000\r\nCache-Control: public, No-Transform\r\n", b"200 OK"),
        (JSON + b"Content-Length: 5000\r\nContent-Digest: sha-256=:YQ==:\r\n", b"200 OK"),
        (JSON + b"Content-Length: 5000\r\nContent-MD5: YQ==\r\n", b"200 OK"),
        (JSON + b"Content-Length: 5000\r\nContent-Range: bytes 0-4999/9999\r\n", b"206 Partial Content"),
        (b"Content-Type: image/png\r\nContent-Length: 5000\r\n", b"200 OK"),
        (b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", b"200 OK"),
        (JSON, b"204 No Content"),
        (JSON, b"304 Not Modified"),
    ],
)
def test_some_answers_pass_as_they_are(fields: bytes, status: bytes) -> None:
    assert lines(fields, status) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (JSON, JSON + b"Vary: Accept-Encoding\r\n"),
        (JSON + b"Content-Length: 5000\r\nAccept-Ranges: bytes\r\n", JSON + b"Vary: Accept-Encoding\r\n"),
        (JSON + b"Vary: Cookie, accept-encoding\r\n", JSON + b"Vary: Cookie, accept-encoding\r\n"),
        (JSON + b"Vary: *\r\n", JSON + b"Vary: *\r\n"),
        (JSON + b"Vary: Cookie\r\n", JSON + b"Vary: Cookie\r\nVary: Accept-Encoding\r\n"),
        (JSON + b'ETag: "a"\r\n', JSON + b'ETag: W/"a"\r\nVary: Accept-Encoding\r\n'),
        (JSON + b'ETag: W/"a"\r\n', JSON + b'ETag: W/"a"\r\nVary: Accept-Encoding\r\n'),
        (JSON + b"Content-Encoding: identity\r\n", JSON + b"Vary: Accept-Encoding\r\n"),
    ],
)
def test_the_head_tells_of_the_change(fields: bytes, expected: bytes) -> None:
    assert lines(fields) == b"HTTP/1.1 200 OK\r\n" + expected + b"Content-Encoding: gzip\r\n"


def test_the_length_is_said_when_it_is_known() -> None:
    packed = lines(JSON, b"404 Not Found", 77)
    assert packed is not None
    assert packed.endswith(b"Content-Encoding: gzip\r\nContent-Length: 77\r\n")
