"""The thing that owns state: it handles one message at a time and owns the work it starts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from deployd.kernel.owned_tasks import OwnedTasks
from deployd.kernel.ref import Ref

M = TypeVar("M")
T = TypeVar("T")


class Actor(Generic[M]):
    """What `handle` returns is the reply; a task it returns is the reply once that task has ended.

    An exception of the `expected` types, from `handle` or from a spawned task, goes to whoever asked and is a counted
    refusal when nobody did. Any other exception crashes the actor: its supervisor makes a new one from its ChildSpec.
    The exception is work that was spawned with `failed`: what goes wrong in it is reported, and ends that work alone.
    """

    expected: tuple[type[BaseException], ...] = ()

    def __init__(self, ref: Ref[M]) -> None:
        self.__ref = ref
        self.__owned = OwnedTasks()

    @property
    def ref(self) -> Ref[M]:
        return self.__ref

    @property
    def owned(self) -> OwnedTasks:
        """For the kernel."""
        return self.__owned

    async def on_start(self) -> None:
        """Before the first message: re-read unfinished work here. A failure is treated as a crash."""

    async def handle(self, message: M) -> object:
        """Short: what waits on the world belongs in a spawned task that tells `self.ref` how it ended."""
        raise NotImplementedError

    async def on_stop(self) -> None:
        """After the last message, also after a crash, with all spawned tasks ended; not when `on_start` failed."""

    def spawn(
        self, work: Coroutine[Any, Any, T], *, name: str, failed: Callable[[BaseException], None] | None = None
    ) -> asyncio.Task[T]:
        """Runs `work` beside the mailbox; it is cancelled when the actor stops or crashes.

        `failed` is for work on what comes from outside, whose failures must not use up the actor's restarts: it gets
        the exception that was not expected, and the actor lives on.
        """
        return self.__owned.spawn(work, name=f"{self.__ref.name}: {name}", failed=failed)
