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


def request_bytes(head: RequestHead, client: "ClientConnection", request_id: bytes, now_ms: int) -> bytes:
    framing = b""
    if head.length == CHUNKED:
        framing = b"Transfer-Encoding: chunked\r\n"
    if head.upgrade:
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if head.absolute:
        framing += b"Host: %b\r\n" % head.host
    if client.trusted and head.received:
        return _from_trusted(head, client, request_id, now_ms, framing)
    return _LINES % (head.method, head.target, head.fields, client.origin, head.host, request_id, now_ms, framing)


def _from_trusted(
    head: RequestHead, client: "ClientConnection", request_id: bytes, now_ms: int, framing: bytes
) -> bytes:
    """The peer is a proxy of ours: what it says about its own client is kept, and the peer is added to the chain."""
    received = head.received or {}
    chain = received.get(b"x-forwarded-for")
    address = client.ip.encode()
    via = b"X-Forwarded-For: %b\r\nX-Real-IP: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 deployd\r\n" % (
        chain + b", " + address if chain else address,
        received.get(b"x-real-ip") or (chain.split(b",")[0].strip() if chain else address),
        received.get(b"x-forwarded-proto", client.scheme),
    )
    return _LINES % (
        head.method,
        head.target,
        head.fields,
        via,
        received.get(b"x-forwarded-host", head.host),
        received.get(b"x-request-id", request_id),
        now_ms,
        framing,
    )
