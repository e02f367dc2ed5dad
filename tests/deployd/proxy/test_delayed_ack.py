"""What the kernels at both ends of a connection do against each other, and we between them."""

import asyncio
import socket

import pytest

from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux lets a reader say so")
async def test_an_app_that_writes_an_answer_in_pieces_is_not_kept_waiting_for_acknowledgements(bench: Bench) -> None:
    async def piecewise(conversation: Conversation) -> None:
        sock = conversation.writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        while True:
            await conversation.request()
            for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"he", b"llo"):
                await conversation.send(piece)

    loop = asyncio.get_running_loop()
    seconds = []
    async with upstream(piecewise) as app, connected(bench.port) as client:
        bench.route(app.address)
        for _ in range(15):
            started = loop.time()
            await client.send(get())
            assert (await client.response()).body == b"hello"
            seconds.append(loop.time() - started)
    assert sorted(seconds)[7] < 0.03  # the kernel would wait for 0.04 s each time
