"""Runs work on files in a thread that ends soon after its waiter was cancelled, and is waited for even then."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Check = Callable[[], None]
"""Called between two pieces of work; raises when nobody waits for the result any more."""

Result = TypeVar("Result")


class Abandoned(Exception):
    """Whoever wanted the work is cancelled; the work takes back what it has begun."""


async def in_thread(work: Callable[[Check], Result]) -> Result:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Abandoned

    thread = asyncio.get_running_loop().run_in_executor(None, work, check)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        await _end_of(thread)
        raise


async def _end_of(thread: "asyncio.Future[Result]") -> None:
    """A second cancellation does not shorten the wait; the caller passes the first one on."""
    while not thread.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([thread])
    thread.exception()  # Looked at, so that nobody is told of an error that no one waits for.
