"""The request head as the upstream gets it: the client's own lines untouched, the gateway's own behind them."""

from typing import TYPE_CHECKING

from deployd.proxy.request_head import CHUNKED, RequestHead

if TYPE_CHECKING:
    from deployd.proxy.protocol import ClientConnection

_LINES = b"%b %b HTTP/1.1\r\n%b%bX-Forwarded-Host: %b\r\nX-Request-ID: %b\r\nX-Request-Start: t=%d\r\n%b\r\n"


def origin_lines(ip: str, scheme: bytes) -> bytes:
    """What is the same for every request of a connection."""
    address = ip.encode()
    return b"X-Forwarded-For: %b\r\nX-Real-IP: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 deployd\r\n" % (
        address,
        address,
        scheme,
    )


def request_bytes(
    head: RequestHead, client: "ClientConnection", request_id: bytes, now_ms: int, prefix: bytes = b""
) -> bytes:
    """`prefix` is the start of the path that the app does not get to see; what follows stays as it was sent."""
    framing = b""
    target = head.target
    if head.length == CHUNKED:
        framing = b"Transfer-Encoding: chunked\r\n"
    if head.upgrade:
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if head.absolute:
        framing += b"Host: %b\r\n" % head.host
    if prefix:
        target = below(prefix, target)
        framing += b"X-Forwarded-Prefix: %b\r\n" % prefix
    if client.trusted:
        return _from_trusted(head, target, client, request_id, now_ms, framing)
    return _LINES % (head.method, target, head.fields, client.origin, head.host, request_id, now_ms, framing)


def below(prefix: bytes, target: bytes) -> bytes:
    """What is left of `target` without the prefix that it starts with: `/api?x` → `/?x`."""
    rest = target[len(prefix) :]
    return rest if rest[:1] == b"/" else b"/" + rest


def _from_trusted(
    head: RequestHead, target: bytes, client: "ClientConnection", request_id: bytes, now_ms: int, framing: bytes
) -> bytes:
    """The peer is a proxy of ours: the hops that such have vouched for are kept, and the peer is added to them."""
    received = head.received or {}
    via = b"X-Forwarded-For: %b\r\nX-Real-IP: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 deployd\r\n" % (
        ", ".join(client.hops).encode(),
        client.ip.encode(),
        client.scheme,
    )
    return _LINES % (
        head.method,
        target,
        head.fields,
        via,
        received.get(b"x-forwarded-host", head.host),
        request_id,
        now_ms,
        framing,
    )
