"""Runs work on files in a thread that a cancelled build waits for: nothing is written once the build has ended."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Check = Callable[[], None]
"""Called between two files; raises when the build was cancelled."""

Result = TypeVar("Result")


class Cancelled(Exception):
    """The build that wanted this is cancelled: nobody waits for the result."""


async def in_thread(work: Callable[[Check], Result]) -> Result:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Cancelled

    thread = asyncio.get_running_loop().run_in_executor(None, work, check)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        await _end_of(thread)
        raise


async def _end_of(thread: asyncio.Future[Result]) -> None:
    """A second cancellation does not end the wait; the caller passes the first one on."""
    while not thread.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([thread])
    thread.exception()  # Looked at, so that nobody is told of an error that no one waits for.
