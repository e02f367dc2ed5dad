"""Much to do on one event loop, without keeping others waiting for it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, TypeVar

from deployd.kernel.first_failure import first_failure

_T = TypeVar("_T")
_TURN_SECONDS = 0.005


async def by_turns(items: Iterable[_T], turn_seconds: float = _TURN_SECONDS) -> AsyncIterator[_T]:
    """The same items. Whenever they have taken `turn_seconds`, whatever else is ready on the event loop goes first."""
    until = perf_counter() + turn_seconds
    for item in items:
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + turn_seconds
        yield item


async def at_once(works: Iterable[Coroutine[Any, Any, _T]], name: str) -> list[_T]:
    """What each came to, in their order. The first failure cancels the others, and is raised."""
    with first_failure(Exception):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for work in works]
    return [task.result() for task in tasks]


def portions(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """One after the other, of `size` items each but for the last."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
