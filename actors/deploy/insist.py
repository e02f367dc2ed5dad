"""For what nobody else would take up again: it is tried until the database, the disk and the other actors let it."""

import asyncio
from collections.abc import Awaitable, Callable
from random import random
from typing import TypeVar

from deployd.domain.errors import ProviderUnavailable, StartFailed
from deployd.kernel.backoff import Backoff
from deployd.kernel.errors import ActorError

_T = TypeVar("_T")
_PAUSE = Backoff(first_seconds=0.5, cap_seconds=60.0)


def _ignore(_: str) -> None: ...


async def insist(work: Callable[[], Awaitable[_T]], on_failure: Callable[[str], None] = _ignore) -> _T:
    """`on_failure` gets the sentence of each failure."""
    failures = 0
    while True:
        try:
            return await work()
        except (StartFailed, ProviderUnavailable, ActorError) as failure:
            failures += 1
            on_failure(str(failure))
            await asyncio.sleep(_PAUSE.delay(failures, random))
