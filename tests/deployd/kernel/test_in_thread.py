import asyncio
import threading

import pytest

from deployd.kernel.in_thread import Check, in_thread


async def test_the_result_and_the_failure_come_back() -> None:
    assert await in_thread(lambda check: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda check: 1 // 0)


async def test_a_cancelled_build_ends_only_after_its_thread_has_stopped_writing() -> None:
    started, loop = asyncio.Event(), asyncio.get_running_loop()
    ended = threading.Event()

    def work(check: Check) -> None:
        loop.call_soon_threadsafe(started.set)
        try:
            while True:
                check()
        finally:
            ended.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(in_thread(work))
        await asyncio.wait_for(started.wait(), 5)
        task.cancel()
    assert task.cancelled()
    assert ended.is_set()
