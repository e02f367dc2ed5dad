"""Compares passwords in threads: few at once, each credentials once, and no more waiting than is bearable."""

import asyncio
from collections.abc import Callable

from deployd.kernel.owned_tasks import OwnedTasks
from deployd.proxy.door.basic_auth import Attempt
from deployd.proxy.door.password import password_fits

_AT_ONCE = 2
_MOST = 64

Answer = Callable[[bool], None]


class PasswordChecks:
    def __init__(self, tasks: OwnedTasks) -> None:
        self._tasks = tasks
        self._asking: dict[bytes, list[Answer]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def ask(self, attempt: Attempt, answer: Answer) -> bool:
        """`answer` is called later with whether it fits; False when too many are waiting already."""
        others = self._asking.get(attempt.digest)
        if others is not None:
            others.append(answer)
            return True
        if len(self._asking) >= _MOST:
            return False
        self._asking[attempt.digest] = [answer]
        self._tasks.spawn(self._check(attempt), name="check a password")
        return True

    async def _check(self, attempt: Attempt) -> None:
        fits = False
        try:
            async with self._turn:
                fits = await asyncio.to_thread(password_fits, attempt.password, attempt.stored)
        finally:
            for answer in self._asking.pop(attempt.digest):
                answer(fits)
