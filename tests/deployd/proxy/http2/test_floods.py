"""Frames that cost more than they weigh."""

import asyncio

from hyperframe.frame import PingFrame

from deployd.proxy.http2.connection import Http2Connection
from tests.deployd.proxy.memory import MemoryTransport, plane_of, routed
from tests.deployd.proxy.rig import MakeBench

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
PINGS = 10_000
ACKNOWLEDGED = b"\0\0\x08\x06\x01"


async def test_tiny_frames_leave_others_their_turn_and_are_all_answered(make_bench: MakeBench) -> None:
    bench = await make_bench(http2=True)
    routed(bench)
    connection = Http2Connection(plane_of(bench), "198.51.100.7")
    transport = MemoryTransport(connection, "198.51.100.7")
    connection.connection_made(transport)
    connection.data_received(PREFACE + PingFrame(0, b"12345678").serialize() * PINGS)
    assert transport.written.count(ACKNOWLEDGED) < 400
    assert not transport.reading
    connection.pause_writing()
    await asyncio.sleep(0)
    answered = transport.written.count(ACKNOWLEDGED)
    await asyncio.sleep(0)
    assert transport.written.count(ACKNOWLEDGED) == answered
    connection.resume_writing()
    turns = 0
    while not transport.reading:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert transport.written.count(ACKNOWLEDGED) == PINGS
    connection.data_received(PingFrame(0, b"12345678").serialize())
    assert transport.written.count(ACKNOWLEDGED) == PINGS + 1
    transport.abort()
