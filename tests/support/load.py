"""Constant load through the proxy that remembers every answer that was not the expected one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp


class Load:
    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._seen = asyncio.Event()

    def note(self, body: str) -> None:
        self.answers[body] += 1
        self._seen.set()

    @property
    def total(self) -> int:
        return sum(self.answers.values()) + len(self.failures)

    async def one_more(self) -> None:
        """Waits until another request was answered well."""
        self._seen.clear()
        async with asyncio.timeout(30):
            await self._seen.wait()


@asynccontextmanager
async def constant_load(port: int, host: str, clients: int = 8) -> AsyncIterator[Load]:
    """`clients` keep-alive connections ask for / again and again until the block ends."""
    load = Load()
    url = f"http://127.0.0.1:{port}/"
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask(session, url, host, load)) for _ in range(clients)]
        await load.one_more()
        yield load
        for task in tasks:
            task.cancel()


async def _ask(session: aiohttp.ClientSession, url: str, host: str, load: Load) -> None:
    while True:
        try:
            async with session.get(url, headers={"Host": host}) as answer:
                body = await answer.text()
                if answer.status == 200:
                    load.note(body)
                else:
                    load.failures.append(f"{answer.status} {body[:200]}")
        except (aiohttp.ClientError, OSError) as error:
            load.failures.append(repr(error))
        await asyncio.sleep(0.002)
