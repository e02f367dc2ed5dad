"""Hands whatever waits to a thread at once: to change threads takes longer than most statements do."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_Job = TypeVar("_Job")


class Batches(Generic[_Job]):
    """`work` gets up to `most` jobs in a thread, and notes in each what came of it; what it raises is told to all."""

    def __init__(self, work: Callable[[list[_Job]], None], *, threads: int, most: int, name: str) -> None:
        self._work = work
        self._most = most
        self._free = threads
        self._waiting: deque[tuple[_Job, asyncio.Future[None]]] = deque()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def done(self, job: _Job) -> None:
        """Returns when it is. Cancelled before its turn, it is worked on all the same."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((job, future))
        self._begin(loop)
        await future

    def close(self) -> None:
        """Waits for what runs. It blocks."""
        self._threads.shutdown()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._free or not self._waiting:
            return
        self._free -= 1
        batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        working = loop.run_in_executor(self._threads, self._work, [job for job, _ in batch])
        working.add_done_callback(lambda worked: self._end(loop, worked, [future for _, future in batch]))

    def _end(
        self, loop: asyncio.AbstractEventLoop, worked: "asyncio.Future[None]", waiters: list["asyncio.Future[None]"]
    ) -> None:
        self._free += 1
        failure = worked.exception()
        for waiter in waiters:
            if waiter.done():
                continue
            if failure is not None:
                waiter.set_exception(failure)
            else:
                waiter.set_result(None)
        self._begin(loop)
