"""The end of a pipe is closed once, on either event loop."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable

import pytest
import uvloop

from deployd.pipes import open_pipe, read_pipe, reading

_ROUNDS = 2_000


class Opener(threading.Thread):
    """Opens and uses descriptors all the time; `lost` counts those that somebody else closed."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()
        self.lost = 0

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as mine:
                    mine.bind("")
                    mine.listen(1)
            except OSError:
                self.lost += 1


async def _open_and_close_beside_threads() -> int:
    openers = [Opener() for _ in range(3)]
    for opener in openers:
        opener.start()
    try:
        for _ in range(_ROUNDS):
            way_out, way_in = open_pipe()
            with way_in:
                transport, _ = await read_pipe(asyncio.Protocol, way_out)
                transport.close()
            await asyncio.sleep(0)
    finally:
        for opener in openers:
            opener.over.set()
            opener.join()
    return sum(opener.lost for opener in openers)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., object]:
    found: Callable[..., object] = request.param
    return found


def test_no_thread_loses_a_descriptor_when_a_pipe_is_closed(run: Callable[..., object]) -> None:
    """uvloop closes it, and then the file that it was given: a new process once lost its listening socket so."""
    run(asyncio.sleep(0))  # What a loop keeps open for good is there before it is counted.
    before = _descriptors()
    assert run(_open_and_close_beside_threads()) == 0
    assert _descriptors() == before


def test_what_was_written_is_read_to_its_end(run: Callable[..., object]) -> None:
    async def read() -> bytes:
        way_out, way_in = open_pipe()
        async with reading(way_out) as reader:
            with way_in:
                way_in.write(b"all of it")
            return await reader.read()

    assert run(read()) == b"all of it"
