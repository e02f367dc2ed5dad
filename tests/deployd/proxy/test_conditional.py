"""What a client knows already decides whether it is sent."""

import pytest

from deployd.proxy.conditional import is_conditional, not_modified, precondition_fails, wanted_range

ETAG, MODIFIED = b'"v1"', b"Wed, 01 Jan 2025 00:00:00 GMT"
EARLIER, LATER = b"Tue, 31 Dec 2024 00:00:00 GMT", b"Thu, 02 Jan 2025 00:00:00 GMT"


def fields(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"Accept: */*", *lines))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'IF-None-Match: "x"', True),
        (b"Range: bytes=0-", True),
        (b"if-range: x", True),
        (b"X-Range: 1", False),
        (b"Referer: https://example.com/?if-x", False),
    ],
)
def test_most_requests_have_no_condition(line: bytes, expected: bool) -> None:
    assert expected == is_conditional(fields(line))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([b'If-Match: "v1"'], False),
        ([b'If-Match: "v0", "v1"'], False),
        ([b"If-Match: *"], False),
        ([b'If-Match: "v0"'], True),
        ([b'If-Match: W/"v1"'], True),
        ([b"If-Unmodified-Since: " + MODIFIED], False),
        ([b"If-Unmodified-Since: " + LATER], False),
        ([b"If-Unmodified-Since: " + EARLIER], True),
        ([b"If-Unmodified-Since: yesterday"], False),
        ([b'If-Match: "v1"', b"If-Unmodified-Since: " + EARLIER], False),
    ],
)
def test_a_version_can_be_demanded(lines: list[bytes], expected: bool) -> None:
    assert expected == precondition_fails(fields(*lines), ETAG, MODIFIED)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([b'If-None-Match: "v1"'], True),
        ([b'If-None-Match: W/"v1"'], True),
        ([b'If-None-Match: "v0" , "v1"'], True),
        ([b"If-None-Match: *"], True),
        ([b'If-None-Match: "v0"'], False),
        ([b"If-Modified-Since: " + MODIFIED], True),
        ([b"If-Modified-Since: " + LATER], True),
        ([b"If-Modified-Since: " + EARLIER], False),
        ([b"If-Modified-Since: yesterday"], False),
        ([b'If-None-Match: "v0"', b"If-Modified-Since: " + LATER], False),
    ],
)
def test_a_known_version_is_not_sent(lines: list[bytes], expected: bool) -> None:
    assert expected == not_modified(fields(*lines), ETAG, MODIFIED)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"Range: bytes=0-1"], b"bytes=0-1"),
        ([b"Range: bytes=0-1", b'If-Range: "v1"'], b"bytes=0-1"),
        ([b"Range: bytes=0-1", b"If-Range: " + MODIFIED], b"bytes=0-1"),
        ([b"Range: bytes=0-1", b'If-Range: "v0"'], None),
        ([b"Range: bytes=0-1", b'If-Range: W/"v1"'], None),
        ([b"Range: bytes=0-1", b"If-Range: " + LATER], None),
        ([b'If-Range: "v1"'], None),
    ],
)
def test_parts_of_another_version_are_not_mixed(lines: list[bytes], expected: bytes | None) -> None:
    assert expected == wanted_range(fields(*lines), ETAG, MODIFIED)
