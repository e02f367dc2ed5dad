"""Reads one response head from an upstream: what it says about its own body, and what of it may be passed on."""

import httptools

from deployd.proxy.headers import RESPONSE_FIELDS, connection_options, content_length, scan, without
from deployd.proxy.refused import Refused

UNTIL_CLOSE = -2
CHUNKED = -1

_REUSABLE = {b"HTTP/1.1": True, b"HTTP/1.0": False}


class ResponseHead:
    """`length` is the body's in bytes, CHUNKED or UNTIL_CLOSE; `lines` is what may be passed on."""

    __slots__ = ("event_stream", "has_date", "keep_alive", "length", "lines", "protocol", "status")

    def __init__(self, status: int, start: bytes, keep_alive: bool) -> None:
        self.status = status
        self.keep_alive = keep_alive
        self.length = UNTIL_CLOSE
        self.lines = start
        self.has_date = False
        self.event_stream = False
        self.protocol = b""


class _HeadCount:
    __slots__ = ("heads",)

    def __init__(self) -> None:
        self.heads = 0

    def on_headers_complete(self) -> None:
        self.heads += 1


def parse_response(raw: bytes, to_head: bool) -> ResponseHead:
    """`raw` ends with the first empty line; `to_head` when it answers HEAD. Refused (502) when it cannot be trusted."""
    lines = raw.split(b"\r\n")
    head = _status_line(lines[0])
    _check_syntax(raw)
    special, dropped = scan(lines, RESPONSE_FIELDS, underscores=True)
    if b"transfer-encoding" in special and lines[0][:8] == b"HTTP/1.0":
        raise Refused(502, "The app's answer uses a transfer coding that HTTP/1.0 does not have.")
    nominations = _apply(head, special, to_head)
    if (head.status == 204 or head.status < 200) and b"content-length" in special:
        nominations |= {b"content-length"}
    if dropped or nominations:
        head.lines = b"%b\r\n%b" % (head.lines, without(lines, dropped, nominations))
    elif head.lines is lines[0]:
        head.lines = raw[:-2]
    else:
        head.lines = b"%b\r\n%b" % (head.lines, raw[len(lines[0]) + 2 : -2])
    return head


def _status_line(line: bytes) -> ResponseHead:
    version, _, rest = line.partition(b" ")
    reusable = _REUSABLE.get(version)
    code = rest[:3]
    if reusable is None or len(code) != 3 or not code.isdigit() or not 100 <= int(code) <= 599:
        raise Refused(502, "The app's answer does not start like HTTP/1.1.")
    return ResponseHead(int(code), line if reusable else b"HTTP/1.1 " + rest, reusable)


def _check_syntax(raw: bytes) -> None:
    count = _HeadCount()
    try:
        httptools.HttpResponseParser(count).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # a 101, which is judged by what was asked for
    except httptools.HttpParserError as error:
        raise Refused(502, f"The app's answer is not valid HTTP: {error}.") from error
    if count.heads != 1:
        raise Refused(502, "The app's answer is not valid HTTP.")


def _apply(head: ResponseHead, special: dict[bytes, bytes], to_head: bool) -> frozenset[bytes]:
    head.has_date = b"date" in special
    options, nominations = connection_options(special.get(b"connection", b""))
    if options:
        head.keep_alive = b"close" not in options and (head.keep_alive or b"keep-alive" in options)
    if b"content-length" in special:
        try:
            head.length = content_length(special[b"content-length"])
        except Refused as error:
            raise Refused(502, error.reason) from error
    if b"transfer-encoding" in special:
        if b"content-length" in special or special[b"transfer-encoding"].lower() != b"chunked":
            raise Refused(502, "The app's answer is framed in a way that cannot be trusted.")
        head.length = CHUNKED
    if to_head or head.status in (204, 304) or head.status < 200:
        if head.length not in (UNTIL_CLOSE, 0):
            head.keep_alive = False  # the body that was promised may follow, and must not meet the next answer
        head.length = 0
    elif head.length == UNTIL_CLOSE:
        head.keep_alive = False
    head.event_stream = special.get(b"content-type", b"")[:17].lower() == b"text/event-stream"
    head.protocol = special.get(b"upgrade", b"").lower()
    return nominations
