"""The end of a pipe is closed once, on either event loop."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

import pytest
import uvloop

from deployd.pipes import open_pipe, read_pipe, reading
from tests.support.descriptors import none_lost

_ROUNDS = 2_000


async def _open_and_close_beside_threads() -> None:
    with none_lost():
        for _ in range(_ROUNDS):
            way_out, way_in = open_pipe()
            with way_in:
                transport, _ = await read_pipe(asyncio.Protocol, way_out)
                transport.close()
            await asyncio.sleep(0)


async def _give_up_opening_beside_threads() -> None:
    with none_lost():
        for _ in range(_ROUNDS):
            way_out, way_in = open_pipe()
            with way_in:
                opening = asyncio.create_task(read_pipe(asyncio.Protocol, way_out))
                await asyncio.sleep(0)
                opening.cancel()
                with suppress(asyncio.CancelledError):
                    transport, _ = await opening
                    transport.close()
            await asyncio.sleep(0)


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
    run(_open_and_close_beside_threads())
    assert _descriptors() == before


def test_no_thread_loses_a_descriptor_when_somebody_stops_waiting_for_a_pipe(run: Callable[..., object]) -> None:
    """The loop closes what it was about to open; who closed it as well would close what a thread has got since."""
    run(asyncio.sleep(0))
    before = _descriptors()
    run(_give_up_opening_beside_threads())
    assert _descriptors() == before


def test_what_was_written_is_read_to_its_end(run: Callable[..., object]) -> None:
    async def read() -> bytes:
        way_out, way_in = open_pipe()
        async with reading(way_out) as reader:
            with way_in:
                way_in.write(b"all of it")
            return await reader.read()

    assert run(read()) == b"all of it"
