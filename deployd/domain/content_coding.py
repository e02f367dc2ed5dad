"""Which contents are worth compressing, and what the compressed copy beside a file is called."""

import re

LEAST_BYTES = 1_024
"""Below this the fields that announce a compressed body eat up what it saves."""

SUFFIXES = {b"br": ".br", b"zstd": ".zst", b"gzip": ".gz"}
"""The end of the name of a file's compressed copy, by content coding (RFC 9110 §8.4.1)."""

_COMPRESSIBLE = re.compile(
    rb"text/(?!event-stream)|image/svg\+xml|image/bmp|image/x-icon|image/vnd\.microsoft\.icon|font/(?:ttf|otf|collection)"
    rb"|application/(?:[a-z0-9.-]+\+)?(?:json|xml|javascript|x-javascript|ecmascript|x-ndjson|jsonl|wasm|yaml|toml|sql|rtf"
    rb"|graphql|ld\+json|vnd\.ms-fontobject|x-sh|protobuf|x-protobuf)[ \t]*(?:;|$)",
    re.I,
)


def is_compressible(content_type: bytes) -> bool:
    """Event streams are not: each of them would hold a compressor for as long as its tab is open."""
    return _COMPRESSIBLE.match(content_type) is not None
