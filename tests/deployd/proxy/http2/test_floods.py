"""Frames that cost more than they weigh."""

import asyncio

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, HeadersFrame, PingFrame, SettingsFrame

from deployd.proxy.http2.connection import Http2Connection
from tests.deployd.proxy.http2.memory import MemoryHttp2
from tests.deployd.proxy.memory import MemoryApp, MemoryTransport, plane_of, routed
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


async def test_a_client_that_would_keep_all_our_fields_costs_no_more_than_others(make_bench: MakeBench) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    client.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 2**31})
    await client.flush()
    table = client.connection._h2.encoder.header_table
    for number in range(50):
        app = MemoryApp(plane)
        client.open()
        await client.flush()
        fields = b"".join(b"X-Own-%d-%d: %d\r\n" % (number, other, number) for other in range(10))
        app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n%b\r\nhello" % fields)
        await client.hear()
    assert client.body == b"hello" * 50
    assert table.maxsize == 4_096
    assert len(table.dynamic_entries) < 128
    client.transport.abort()


async def test_sizes_of_the_field_table_that_were_never_announced_are_not_kept(make_bench: MakeBench) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    for size in (0, *(1_000, 9_000) * 500, 3_000):
        await client.flush(SettingsFrame(0, settings={SettingCodes.HEADER_TABLE_SIZE: size}).serialize())
    assert client.connection._h2.encoder.table_size_changes == [0, 3_000]
    client.transport.abort()


async def test_streams_that_are_given_up_now_and_then_are_forgiven(make_bench: MakeBench) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    for _ in range(100):
        for _ in range(9):
            client.h2.reset_stream(client.open())
        await client.flush()
        client.connection.sweep(plane.now)
    assert not client.transport.ended
    client.transport.abort()


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_request_that_is_refused_when_it_was_given_up_already_harms_nobody(
    make_bench: MakeBench, leaving: bool
) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    app = MemoryApp(plane)
    client.open()
    await client.flush()
    if leaving:
        client.connection.close_idle()
    client.h2.reset_stream(client.open("/" if leaving else "/a b"))
    client.connection.data_received(client.h2.data_to_send())
    app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    await asyncio.sleep(0)
    assert b"hello" in client.transport.written
    client.transport.abort()


async def test_whoever_sends_only_what_is_no_request_is_sent_away(make_bench: MakeBench) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    for _ in range(300):
        client.h2.reset_stream(client.open("/a b"))
    client.connection.data_received(client.h2.data_to_send())
    async with asyncio.timeout(5):
        while not client.transport.ended:
            await asyncio.sleep(0)


async def test_packed_fields_beyond_the_limit_are_never_unpacked(make_bench: MakeBench) -> None:
    plane = routed(await make_bench(http2=True))
    client = MemoryHttp2(plane)
    await client.flush()
    client.connection.data_received(HeadersFrame(1, b"\x82" * 16_384).serialize())
    assert not client.transport.ended
    client.connection.data_received(ContinuationFrame(1, b"\x82" * 16_384).serialize())
    assert not client.transport.ended
    client.connection.data_received(ContinuationFrame(1, b"\x82").serialize())
    assert client.transport.ended
