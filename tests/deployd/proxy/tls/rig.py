"""A proxy that listens with TLS, and clients that speak it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation


async def listen(bench: Bench) -> int:
    door = socket.create_server(("127.0.0.1", 0))
    port: int = door.getsockname()[1]
    await bench.proxy.accept_tls_from(door)
    return port


def trusting(root: str, protocols: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=root)
    context.set_alpn_protocols(list(protocols))
    return context


@asynccontextmanager
async def connected(port: int, name: str | None, context: ssl.SSLContext) -> AsyncIterator[Conversation]:
    """Without a name the client says none in its handshake."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    try:
        yield Conversation(reader, writer)
    finally:
        writer.transport.abort()


def leaf_of(conversation: Conversation) -> bytes:
    leaf: bytes = conversation.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return leaf
