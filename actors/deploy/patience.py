"""What has happened must be written down, though the store cannot write now (a full disk): it is tried again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deployd.domain.errors import ProviderUnavailable

AGAIN_SECONDS = 2.0

_T = TypeVar("_T")


async def until_written(work: Callable[[], Awaitable[_T]]) -> _T:
    while True:
        try:
            return await work()
        except ProviderUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)
