"""What a client sends on a stream while its app does not take it."""

from collections.abc import AsyncIterator

import pytest
from hyperframe.frame import DataFrame

from deployd.proxy.http2.connection import Http2Connection
from tests.deployd.proxy.http2.memory import MemoryHttp2
from tests.deployd.proxy.memory import MemoryApp, routed
from tests.deployd.proxy.rig import MakeBench

WINDOW = 262_144


class Upload:
    """Begun, and held up by the app."""

    def __init__(self, client: MemoryHttp2, app: MemoryApp, number: int) -> None:
        self.client = client
        self.app = app
        self.number = number

    @property
    def held(self) -> int:
        """How many objects and bytes wait for the app, whichever are more."""
        connection: Http2Connection = self.client.connection
        return len(connection._streams[self.number]._inbox)


async def begun(client: MemoryHttp2, length: int | None = None) -> Upload:
    app = MemoryApp(client.connection.plane)
    fields = [("content-length", str(length))] if length is not None else []
    number = client.open(method="POST", ended=False, fields=fields)
    await client.flush()
    app.connection.pause_writing()
    return Upload(client, app, number)


@pytest.fixture
async def client(make_bench: MakeBench) -> AsyncIterator[MemoryHttp2]:
    bench = await make_bench(http2=True)
    client = MemoryHttp2(routed(bench))
    yield client
    client.transport.abort()


async def test_an_upload_that_is_given_up_while_the_app_holds_it_up_takes_no_window_from_others(
    client: MemoryHttp2,
) -> None:
    for _ in range(10):
        upload = await begun(client)
        sent = 0
        while sent < WINDOW:
            size = min(client.h2.local_flow_control_window(upload.number), 16_384)
            assert size, f"only {sent} bytes of this upload were wanted"
            client.h2.send_data(upload.number, bytes(size))
            sent += size
            await client.flush()
        client.h2.reset_stream(upload.number)
        await client.flush()


async def test_a_body_in_frames_of_one_byte_is_passed_on_in_few_pieces(client: MemoryHttp2) -> None:
    upload = await begun(client, length=100_000)
    before = len(upload.app.asked)
    for _ in range(100):
        await client.flush(DataFrame(upload.number, b"x").serialize() * 1_000)
    written = 0
    write = upload.app.transport.write

    def counted(data: bytes | bytearray | memoryview) -> None:
        nonlocal written
        written += 1
        write(data)

    upload.app.transport.write = counted  # type: ignore[method-assign]
    upload.app.connection.resume_writing()
    await client.hear()
    assert upload.app.asked[before:] == b"x" * 100_000
    assert written < 10


@pytest.mark.parametrize("length", [10, None])
async def test_frames_without_data_are_not_kept(client: MemoryHttp2, length: int | None) -> None:
    upload = await begun(client, length)
    await client.flush(DataFrame(upload.number, b"x" * 9).serialize())
    before = upload.held
    await client.flush(DataFrame(upload.number, b"").serialize() * 10_000)
    assert upload.held == before
    upload.app.connection.resume_writing()
    last = DataFrame(upload.number, b"x")
    last.flags.add("END_STREAM")
    await client.flush(last.serialize())
    upload.app.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    await client.hear()
    assert client.body == b"hello"
    _, _, body = upload.app.asked.partition(b"\r\n\r\n")  # The head may end with the 0 of a time.
    assert body.endswith(b"x" if length else b"0\r\n\r\n")
    assert body.count(b"0\r\n\r\n") == (0 if length else 1)
