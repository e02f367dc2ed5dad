"""Text shrinks; what is compressed already does not."""

import pytest

from deployd.domain.content_coding import is_compressible


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"text/html; charset=utf-8", True),
        (b"TEXT/CSS", True),
        (b"text/javascript", True),
        (b"application/json", True),
        (b"application/json;charset=utf-8", True),
        (b"application/problem+json", True),
        (b"application/vnd.api+json", True),
        (b"application/atom+xml ; x=y", True),
        (b"application/manifest+json", True),
        (b"application/wasm", True),
        (b"application/x-ndjson", True),
        (b"image/svg+xml", True),
        (b"font/ttf", True),
        (b"text/event-stream", False),
        (b"font/woff2", False),
        (b"image/png", False),
        (b"video/mp4", False),
        (b"application/gzip", False),
        (b"application/octet-stream", False),
        (b"application/jsonnet", False),
        (b"application/grpc+proto", False),
        (b"", False),
    ],
)
def test_only_what_shrinks_is_compressed(content_type: bytes, expected: bool) -> None:
    assert expected == is_compressible(content_type)
