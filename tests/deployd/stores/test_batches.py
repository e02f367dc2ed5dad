"""What waits for a thread goes to it together."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from deployd.stores.batches import Batches


class Work:
    """Remembers the batches; each is held until the test lets it go on."""

    def __init__(self, wrong: str = "") -> None:
        self.batches: list[list[str]] = []
        self.go_on = threading.Event()
        self._wrong = wrong

    def __call__(self, jobs: list[str]) -> None:
        self.batches.append(jobs)
        assert self.go_on.wait(10)
        if self._wrong in jobs:
            raise ValueError(f"{self._wrong} broke all")


async def _done(work: Callable[[list[str]], None], jobs: list[str], go_on: threading.Event) -> list[str]:
    """What became of each."""
    batches = Batches(work, threads=1, most=3, name="test")

    async def outcome(job: str) -> str:
        try:
            await batches.done(job)
        except ValueError as error:
            return str(error)
        return "done"

    try:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            tasks = [group.create_task(outcome(job)) for job in jobs]
            await asyncio.sleep(0)
            go_on.set()
        return [task.result() for task in tasks]
    finally:
        batches.close()


async def test_what_came_while_the_thread_was_busy_is_done_together_up_to_the_most() -> None:
    work = Work()
    assert await _done(work, list("abcdefg"), work.go_on) == ["done"] * 7
    assert work.batches == [["a"], ["b", "c", "d"], ["e", "f", "g"]]


async def test_what_a_batch_raises_is_told_to_all_of_it_and_the_next_goes_on() -> None:
    work = Work(wrong="c")
    assert await _done(work, list("abcdef"), work.go_on) == ["done", *["c broke all"] * 3, "done", "done"]


async def test_who_gave_up_disturbs_nobody() -> None:
    work = Work()
    batches = Batches(work, threads=1, most=3, name="test")
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        first, second, third = (group.create_task(batches.done(job)) for job in "abc")
        await asyncio.sleep(0)
        second.cancel()
        work.go_on.set()
        await asyncio.wait({first, third})
    with pytest.raises(asyncio.CancelledError):
        second.result()
    assert work.batches == [["a"], ["b", "c"]]
    batches.close()
