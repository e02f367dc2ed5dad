"""The bytes of the cases that come without: too long for a data file, or put together out of two requests."""

_HOST = b"Host: localhost:8080\r\n"
_GET = b"GET / HTTP/1.1\r\n" + _HOST
_POST = b"POST / HTTP/1.1\r\n" + _HOST
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + _HOST + b"\r\n"
_LONG = 100_000

FOLLOW_UP = b"GET /follow-up HTTP/1.1\r\n" + _HOST + b"\r\n"


def _both(length: bytes, coding: bytes, body: bytes) -> bytes:
    return _POST + b"Content-Length: " + length + b"\r\nTransfer-Encoding:" + coding + b"\r\n\r\n" + body


def _hidden(coding: bytes = b" chunked", suffix: bytes = b"", prefix: bytes = b"", inner: bytes = _SMUGGLED) -> bytes:
    """By its length the body holds a whole request, by its coding that request follows the body."""
    body = b"0\r\n\r\n" + inner
    return _both(prefix + b"%d" % len(body) + suffix, coding, body)


def _counted_prefix() -> bytes:
    """By its length the body is the first chunk's size, and what is in the chunk is the next request."""
    inner = b"GET /smuggled HTTP/1.1\r\n" + _HOST + b"Content-Length: 7\r\n\r\n"
    size = b"%x\r\n" % len(inner)
    head = _POST + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(size)
    return head + size + inner + b"\r\n0\r\n\r\n"


SPELLED_OUT = {
    "COMP-LONG-URL-OK": b"GET /" + b"a" * 7_900 + b" HTTP/1.1\r\n" + _HOST + b"\r\n",
    "SMUG-CL-TE-BOTH": _both(b"18", b" chunked", b"8\r\nbananas!\r\n0\r\n\r\n"),
    "SMUG-CLTE-PIPELINE": _both(b"4", b" chunked", b"0\r\n\r\n"),
    "SMUG-TECL-PIPELINE": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n0\r\n\r\n",
    "SMUG-BARE-CR-HEADER-VALUE": _GET + b"X-Test: val\rue\r\n\r\n",
    "SMUG-CHUNK-EXT-LF": _CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "SMUG-CHUNK-LF-TERM": _CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "SMUG-CHUNK-EXT-CTRL": _CHUNKED + b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "SMUG-CHUNK-EXT-CR": _CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "SMUG-TE-VTAB": _both(b"5", b" \x0bchunked", b"hello"),
    "SMUG-TE-FORMFEED": _both(b"5", b" \x0cchunked", b"hello"),
    "SMUG-TE-NULL": _both(b"5", b" chunked\0", b"hello"),
    "SMUG-CHUNK-LF-TRAILER": _CHUNKED + b"5\r\nhello\r\n0\r\n\n",
    "SMUG-CL-LEADING-ZEROS-OCTAL": _POST + b"Content-Length: 0200\r\n\r\n" + b"A" * 200,
    "SMUG-CHUNK-BARE-CR-TERM": _CHUNKED + b"5\rhello\r\n0\r\n\r\n",
    "SMUG-CLTE-SMUGGLED-GET": _hidden(),
    "SMUG-CLTE-SMUGGLED-GET-CL-PLUS": _hidden(prefix=b"+"),
    "SMUG-CLTE-SMUGGLED-GET-CL-NON-NUMERIC": _hidden(suffix=b"x"),
    "SMUG-CLTE-SMUGGLED-GET-TE-OBS-FOLD": _hidden(b"\r\n chunked"),
    "SMUG-CLTE-SMUGGLED-HEAD": _hidden(inner=_SMUGGLED.replace(b"GET", b"HEAD")),
    "SMUG-CLTE-SMUGGLED-GET-TE-TRAILING-SPACE": _hidden(b" chunked "),
    "SMUG-CLTE-SMUGGLED-GET-TE-LEADING-COMMA": _hidden(b" , chunked"),
    "SMUG-CLTE-SMUGGLED-GET-TE-CASE-MISMATCH": _hidden(b" Chunked"),
    "SMUG-TE-DUPLICATE-HEADERS-SMUGGLED-GET": _hidden(b" chunked\r\nTransfer-Encoding: identity"),
    "SMUG-TECL-SMUGGLED-GET": _counted_prefix(),
    "SMUG-DUPLICATE-CL-SMUGGLED-GET": (
        _POST + b"Content-Length: 4\r\nContent-Length: %d\r\n\r\nPING" % (4 + len(_SMUGGLED)) + _SMUGGLED
    ),
    # The body is the beginning of a request that the follow-up would complete, had the body been left unread.
    "SMUG-GET-CL-PREFIX-DESYNC": (
        _GET + b"Content-Length: 35\r\n\r\n" + b"GET /smuggled HTTP/1.1\r\nX-Swallow: "[:35].ljust(35, b"x")
    ),
    "MAL-BINARY-GARBAGE": bytes(range(128, 256)) * 2 + b"\r\n\r\n",
    "MAL-LONG-URL": b"GET /" + b"a" * _LONG + b" HTTP/1.1\r\n" + _HOST + b"\r\n",
    "MAL-LONG-HEADER-VALUE": _GET + b"X-Long: " + b"a" * _LONG + b"\r\n\r\n",
    "MAL-MANY-HEADERS": _GET + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
    "MAL-CONTROL-CHARS-HEADER": _GET + b"X-Test: a\x01\x02\x07b\r\n\r\n",
    "MAL-EMPTY-REQUEST": b"",
    "MAL-LONG-HEADER-NAME": _GET + b"X" * _LONG + b": y\r\n\r\n",
    "MAL-LONG-METHOD": b"A" * _LONG + b" / HTTP/1.1\r\n" + _HOST + b"\r\n",
    "MAL-NON-ASCII-HEADER-NAME": _GET + "X-T\u00ebst: y\r\n\r\n".encode(),
    "MAL-NON-ASCII-URL": "GET /caf\u00e9 HTTP/1.1\r\n".encode() + _HOST + b"\r\n",
    "MAL-NUL-IN-HEADER-VALUE": _GET + b"X-Test: a\0b\r\n\r\n",
    "MAL-H2-PREFACE": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "MAL-URL-OVERLONG-UTF8": b"GET /a\xc0\xafb HTTP/1.1\r\n" + _HOST + b"\r\n",
    "MAL-CHUNK-EXT-64K": _CHUNKED + b"5;a=" + b"b" * 65_536 + b"\r\nhello\r\n0\r\n\r\n",
    "MAL-RANGE-OVERLAPPING": _GET + b"Range: bytes=" + b",".join([b"0-"] * 1_000) + b"\r\n\r\n",
}
