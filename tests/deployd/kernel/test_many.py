"""Loops over much, and much at once."""

import asyncio
from time import perf_counter

import pytest

from deployd.kernel.many import at_once, by_turns, portions


async def test_a_long_loop_lets_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    seen = [number async for number in by_turns(range(100), turn_seconds=0.0)]
    beside.cancel()
    assert seen == list(range(100))
    assert turns >= 99


async def test_a_short_loop_is_not_held_up_by_others() -> None:
    beside = asyncio.create_task(asyncio.sleep(0))
    seen = [number async for number in by_turns(range(10), turn_seconds=60.0)]
    assert (seen, beside.done()) == (list(range(10)), False)
    await beside


async def test_results_come_in_the_order_of_the_work() -> None:
    async def after(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    assert await at_once((after(seconds) for seconds in (0.02, 0.0, 0.01)), "wait") == [0.02, 0.0, 0.01]
    assert await at_once((), "wait") == []


async def test_the_first_failure_is_raised_and_ends_the_others() -> None:
    async def fail() -> None:
        raise ValueError("no")

    began = perf_counter()
    with pytest.raises(ValueError, match="no"):
        await at_once((asyncio.sleep(60), fail()), "work")
    assert perf_counter() - began < 30


def test_portions_leave_nothing_out() -> None:
    assert list(portions([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(portions([], 2)) == []
