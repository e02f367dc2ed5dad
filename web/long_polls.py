"""Long polls under way: each answers with what there is when its time is over, or when the server stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class LongPolls:
    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._ended = False

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Leaves the block early, without an error, once the time is over."""
        limit = asyncio.timeout(0 if self._ended else seconds)
        try:
            async with limit:
                self._limits.add(limit)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limits.discard(limit)

    async def end(self, _: web.Application) -> None:
        """Fits `app.on_shutdown`; a poll that comes later does not wait."""
        self._ended = True
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())


LONG_POLLS = web.AppKey("long_polls", LongPolls)
