"""The address of an actor: all that the rest of the program holds of it."""

import asyncio
from typing import Generic, TypeVar

from deployd.kernel.errors import AskTimeout
from deployd.kernel.mailbox import Ask, Mailbox, Overflow, fail
from deployd.kernel.message import Request

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


class Ref(Generic[M_contra]):
    """It exists before its actor and outlives its restarts; what is told early waits in line.

    To be used on the event loop's thread: another thread goes through `loop.call_soon_threadsafe(ref.tell, message)`.
    """

    __slots__ = ("mailbox", "name", "parked")

    def __init__(self, name: str, capacity: int = 1000, overflow: Overflow = Overflow.REJECT) -> None:
        if capacity < 1:
            raise ValueError(f"The mailbox of {name} needs room for at least one message.")
        self.name = name
        self.mailbox = Mailbox(name, capacity, overflow)
        self.parked = False
        """Given up after too many failures: nobody answers here until it is revived."""

    def __repr__(self) -> str:
        return f"Ref({self.name!r})"

    def tell(self, message: M_contra) -> bool:
        """Never waits. False: not accepted, because the mailbox is full or the actor is stopped or parked."""
        return self.mailbox.put(message)

    def control(self, message: M_contra) -> bool:
        """Like `tell`, but handled before all that waits in the data lane."""
        return self.mailbox.put_control(message)

    async def ask(self, request: Request[R], timeout_seconds: float) -> R:
        """For the edges (web, bot, cli), never inside `handle`.

        Raises what the actor's `handle` refused with (see `Actor.expected`), AskTimeout, ActorStopped or MailboxFull.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[R] = loop.create_future()
        if not self.mailbox.put(Ask(request, reply)):
            return reply.result()  # raises: a refused ask is answered at once
        timer = loop.call_later(timeout_seconds, self._give_up, reply, request, timeout_seconds)
        try:
            return await reply
        except asyncio.CancelledError:
            if not reply.cancel() and not reply.cancelled():
                reply.exception()  # answered with an error that nobody will read: no warning about that
            raise
        finally:
            timer.cancel()

    def _give_up(self, reply: "asyncio.Future[R]", request: Request[R], timeout_seconds: float) -> None:
        name = type(request).__name__
        fail(reply, AskTimeout(f"{self.name} did not answer {name} within {timeout_seconds:g} s."))
