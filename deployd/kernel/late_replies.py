"""The answers that spawned tasks owe to askers, so that the mailbox need not wait for them."""

import asyncio
from functools import partial
from typing import Any

from deployd.kernel.errors import stopped
from deployd.kernel.mailbox import fail


class LateReplies:
    def __init__(self, actor: str, expected: tuple[type[BaseException], ...]) -> None:
        self._actor = actor
        self._expected = expected
        self._owed: dict[asyncio.Future[Any], asyncio.Task[Any]] = {}

    def promise(self, task: asyncio.Task[Any], reply: "asyncio.Future[Any]") -> None:
        """`reply` gets what the task returns or refuses with, and ActorStopped when it fails or is cancelled."""
        self._owed[reply] = task
        task.add_done_callback(partial(self._keep, reply))

    def hears(self, task: asyncio.Task[Any]) -> bool:
        """Whether somebody still waits for how the task ends."""
        return any(owed is task and not reply.done() for reply, owed in self._owed.items())

    def abandon(self, cause: BaseException | None) -> None:
        """Nobody is left waiting."""
        for reply in self._owed:
            fail(reply, stopped(self._actor, cause))
        self._owed.clear()

    def _keep(self, reply: "asyncio.Future[Any]", task: asyncio.Task[Any]) -> None:
        self._owed.pop(reply, None)
        error = stopped(self._actor) if task.cancelled() else task.exception()
        if error is None:
            if not reply.done():
                reply.set_result(task.result())
        elif task.cancelled() or isinstance(error, self._expected):
            fail(reply, error)
        else:
            fail(reply, stopped(self._actor, error))
