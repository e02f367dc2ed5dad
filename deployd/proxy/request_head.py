"""Reads one request head, strictly: httptools judges the syntax, this module what a gateway must refuse on top."""

import re

import httptools

from deployd.proxy.accept_encoding import Accepted, accepted
from deployd.proxy.headers import REQUEST_FIELDS, connection_options, content_length, scan, without
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.refused import Refused
from deployd.proxy.route_table import plain_host

CHUNKED = -1
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})

_HOST = re.compile(rb"(?:[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.I)
_BAD_TARGET = re.compile(rb"[\x00-\x20\x7f-\xff#\\]")
_AROUND_TARGET = 32  # a method and a version
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_VERSIONS = {b"HTTP/1.1": True, b"HTTP/1.0": False}
_NOT_HERE = {
    b"CONNECT": "CONNECT is refused: this is not a forward proxy.",
    b"TRACE": "TRACE is refused: its answer would show what was added to the request on the way.",
}


class RequestHead:
    """What a request asks for.

    `fields` are the header lines to forward, byte-exact and in order, each ending in CRLF, without Host when `host` was
    taken from an absolute target. `length` is the body's in bytes, or CHUNKED. `received` are the special fields by
    name, forwarding fields among them, for a peer that is trusted to send those. `codings` are the content codings that
    the client takes. A `replayable` request may be sent twice without harm.
    `name` is the host as it is looked up: lower case, without port and trailing dot.
    """

    __slots__ = (
        "absolute",
        "codings",
        "expects_continue",
        "fields",
        "host",
        "is_1_1",
        "keep_alive",
        "length",
        "method",
        "name",
        "received",
        "replayable",
        "target",
        "upgrade",
    )

    def __init__(self, method: bytes, target: bytes, is_1_1: bool) -> None:
        self.method = method
        self.target = target
        self.is_1_1 = is_1_1
        self.host = b""
        self.fields = b""
        self.length = 0
        self.keep_alive = is_1_1
        self.expects_continue = False
        self.upgrade = False
        self.absolute = False
        self.codings: Accepted = ()
        self.received: dict[bytes, bytes] | None = None
        self.replayable = False
        self.name = b""


class _HeadCount:
    """The one callback httptools gets: counts the heads in what must be exactly one."""

    __slots__ = ("heads",)

    def __init__(self) -> None:
        self.heads = 0

    def on_headers_complete(self) -> None:
        self.heads += 1


def parse_request(raw: bytes, limits: ProxyLimits) -> RequestHead:
    """`raw` ends with the first empty line of the message. Refused with the status to answer before closing."""
    lines = raw.split(b"\r\n")
    head = request_line(lines[0], limits)
    if len(lines) > limits.header_count + 3:
        raise Refused(431, f"The request has more than {limits.header_count} header fields.")
    _check_syntax(raw)
    special, dropped = scan(lines, REQUEST_FIELDS, underscores=False)
    nominations = _apply(head, special)
    if b"accept-encoding" in special:
        head.codings = accepted(special[b"accept-encoding"])
    if not head.host and head.is_1_1:
        raise Refused(400, "The request has no Host field.")
    if head.target[:1] != b"/":
        _resolve_target(head)
        if head.absolute:
            dropped.update(line for line in lines if line[:5].lower() == b"host:")
    if dropped or nominations:
        head.fields = without(lines, dropped, nominations)
    else:
        head.fields = raw[len(lines[0]) + 2 : -2]
    head.replayable = head.length == 0 and head.method in IDEMPOTENT
    head.name = plain_host(head.host)
    return head


def request_line(line: bytes, limits: ProxyLimits) -> RequestHead:
    """What the first line alone says, which is enough to refuse what cannot become a request."""
    if len(line) > limits.target_bytes + _AROUND_TARGET:
        raise Refused(414, f"The address is longer than {limits.target_bytes} bytes.")
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Refused(400, "The request line is not METHOD TARGET VERSION.")
    method, target, version = parts
    if not b"A" <= method[:1] <= b"Z":
        raise Refused(400, "The request line does not start with a method.")
    is_1_1 = _VERSIONS.get(version)
    if is_1_1 is None:
        raise Refused(505 if _VERSION.fullmatch(version) else 400, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if len(target) > limits.target_bytes:
        raise Refused(414, f"The address is longer than {limits.target_bytes} bytes.")
    if _BAD_TARGET.search(target):
        raise Refused(400, "The address contains a character that must not be in it.")
    if method in _NOT_HERE:
        raise Refused(501, _NOT_HERE[method])
    return RequestHead(method, target, is_1_1)


def _check_syntax(raw: bytes) -> None:
    count = _HeadCount()
    try:
        httptools.HttpRequestParser(count).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # says only that httptools would not look at a body; ours is framed elsewhere
    except httptools.HttpParserError as error:
        method = raw[: raw.index(b" ")]
        unknown = isinstance(error, httptools.HttpParserInvalidMethodError) and method.isalpha() and method.isupper()
        status = 501 if unknown else 400
        raise Refused(status, f"The request is not valid HTTP: {error}.") from error
    if count.heads != 1:
        raise Refused(400, "The request is not valid HTTP.")


def _apply(head: RequestHead, special: dict[bytes, bytes]) -> frozenset[bytes]:
    """Takes in what the special fields say; the further fields that the client declared to be for this hop only."""
    host = special.pop(b"host", None)
    if host is not None:
        if not _HOST.fullmatch(host):
            raise Refused(400, "The Host field is not a host name.")
        head.host = host
    if not special:
        return frozenset()
    head.received = special
    if b"content-length" in special:
        head.length = content_length(special[b"content-length"])
    if b"transfer-encoding" in special:
        _apply_coding(head, special)
    options, nominations = connection_options(special.get(b"connection", b""))
    if options:
        head.keep_alive = b"close" not in options and (head.is_1_1 or b"keep-alive" in options)
    if b"expect" in special and head.is_1_1:
        if special[b"expect"].lower() != b"100-continue":
            raise Refused(417, "The only expectation known here is 100-continue.")
        head.expects_continue = head.length != 0
    if b"upgrade" in special and head.is_1_1 and b"upgrade" in options:
        _apply_upgrade(head, special[b"upgrade"])
    return nominations


def _apply_coding(head: RequestHead, special: dict[bytes, bytes]) -> None:
    if not head.is_1_1:
        raise Refused(400, "Transfer-Encoding does not exist in HTTP/1.0.")
    if b"content-length" in special:
        raise Refused(400, "A request cannot have both Content-Length and Transfer-Encoding.")
    if special[b"transfer-encoding"].lower() != b"chunked":
        raise Refused(501, "The only transfer coding known here is chunked, once.")
    head.length = CHUNKED


def _apply_upgrade(head: RequestHead, protocol: bytes) -> None:
    """Other protocols are ignored, which is what a server may do with an Upgrade it does not know."""
    if protocol.lower() != b"websocket":
        return
    if head.method != b"GET" or head.length != 0:
        raise Refused(400, "A WebSocket starts with a GET without a body.")
    head.upgrade = True


def _resolve_target(head: RequestHead) -> None:
    """Absolute form: its authority wins over Host (RFC 9112 §3.2.2)."""
    if head.target == b"*":
        if head.method != b"OPTIONS":
            raise Refused(400, "The address * is only for OPTIONS.")
        return
    match = _ABSOLUTE.fullmatch(head.target)
    if match is None:
        raise Refused(400, "The address is neither a path nor an http URL.")
    if not _HOST.fullmatch(match[1]):
        raise Refused(400, "The host in the address is not a host name.")
    head.host = match[1]
    head.absolute = True
    head.target = match[2] if match[2][:1] == b"/" else b"/" + match[2]
