"""The tasks that an actor started, so that none fails unseen and none outlives it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from deployd.kernel.errors import ActorStopped

T = TypeVar("T")
Failed = Callable[[BaseException], None]


class OwnedTasks:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed: dict[asyncio.Task[Any], Failed] = {}
        self._closed = False
        self.on_failure: Callable[[asyncio.Task[Any], BaseException], None] | None = None

    def __contains__(self, task: asyncio.Task[Any]) -> bool:
        return task in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str, failed: Failed | None = None) -> asyncio.Task[T]:
        """`failed` is kept for whoever takes the failures: `failed_of` names it while `on_failure` runs."""
        if self._closed:
            work.close()
            raise ActorStopped(f"{name} cannot be started: its actor is stopping.")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        if failed is not None:
            self._failed[task] = failed
        task.add_done_callback(self._ended)
        return task

    def failed_of(self, task: asyncio.Task[Any]) -> Failed | None:
        return self._failed.get(task)

    async def cancel(self, timeout_seconds: float) -> set[str]:
        """Cancels all and accepts no more; the names of those that had not ended by then."""
        self._closed = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_seconds)
        return {task.get_name() for task in tasks if not task.done()}

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        try:
            self._report(task)
        finally:
            self._failed.pop(task, None)

    def _report(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if self.on_failure is not None:
            self.on_failure(task, error)
        else:
            context = {"message": f"{task.get_name()} failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
