"""The bounded line of messages in front of one actor, with a control lane that goes ahead."""

import asyncio
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from deployd.kernel.dead_letters import DeadLetters, Undelivered
from deployd.kernel.errors import MailboxFull, stopped


class Overflow(StrEnum):
    """What a full mailbox does with one more message."""

    REJECT = "reject"  # the sender hears it, the message is kept as a dead letter
    DROP_OLDEST = "drop oldest"  # the oldest becomes the dead letter
    DROP_NEWEST = "drop newest"  # the sender hears it, the message is only counted


class Ask(msgspec.Struct, gc=False):
    """A request whose sender waits for `reply`."""

    request: object
    reply: "asyncio.Future[Any]"


class Mailbox:
    """For one reader, on the event loop's own thread. A letter is a message, or an Ask around one."""

    __slots__ = ("_capacity", "_control", "_data", "_overflow", "_room", "_waiter", "dead_letters", "name")

    def __init__(self, name: str, capacity: int, overflow: Overflow) -> None:
        self.name = name
        self.dead_letters = DeadLetters()
        self._capacity = capacity
        self._room = capacity  # 0 while closed, so that `put` needs one comparison for both
        self._overflow = overflow
        self._data: deque[object] = deque()
        self._control: deque[object] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._control) + len(self._data)

    @property
    def closed(self) -> bool:
        return self._room == 0

    def put(self, letter: object) -> bool:
        """False: refused, because it is full or closed."""
        data = self._data
        if len(data) >= self._room and not self._make_room(letter):
            return False
        data.append(letter)
        if self._waiter is not None:
            self._wake()
        return True

    def put_control(self, letter: object) -> bool:
        """Handled before any data; the control lane is as long as the data lane and refuses when it is full."""
        if len(self._control) >= self._room:
            self._bury(letter, Undelivered.STOPPED if self.closed else Undelivered.OVERFLOW)
            return False
        self._control.append(letter)
        if self._waiter is not None:
            self._wake()
        return True

    def batch(self, size: int) -> Iterator[object]:
        """Takes out up to `size` letters; a control letter that arrives meanwhile is the next one."""
        control, data = self._control, self._data
        for _ in range(size):
            if control:
                yield control.popleft()
            elif data:
                yield data.popleft()
            else:
                return

    async def more(self) -> None:
        """Returns when there is a letter or the mailbox is closed; always lets the loop turn once.

        Whoever was answered just now often sends the next letter in that turn, which saves a wake-up.
        """
        await asyncio.sleep(0)
        if self._control or self._data or self.closed:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def open(self) -> None:
        self._room = self._capacity

    def close(self) -> None:
        """Refuses from now on; what is in line stays there."""
        self._room = 0
        self._wake()

    def clear(self, cause: BaseException | None = None) -> None:
        """What is in line becomes dead letters, and whoever asked is told."""
        for letter in self.batch(len(self)):
            if isinstance(letter, Ask):
                fail(letter.reply, stopped(self.name, cause))
            else:
                self._bury(letter, Undelivered.STOPPED)

    def _make_room(self, letter: object) -> bool:
        if self.closed:
            self._bury(letter, Undelivered.STOPPED)
            return False
        match self._overflow:
            case Overflow.DROP_NEWEST if not isinstance(letter, Ask):
                self.dead_letters.count(self.name, Undelivered.OVERFLOW)
            case Overflow.DROP_OLDEST:
                self._bury(self._data.popleft(), Undelivered.OVERFLOW)
                return True
            case _:
                self._bury(letter, Undelivered.OVERFLOW)
        return False

    def _bury(self, letter: object, why: Undelivered) -> None:
        if isinstance(letter, Ask):  # the asker is told, which is better than a dead letter
            fail(letter.reply, stopped(self.name) if why is Undelivered.STOPPED else full(self.name))
        else:
            self.dead_letters.add(self.name, letter, why)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def full(name: str) -> MailboxFull:
    return MailboxFull(f"The mailbox of {name} is full.")


def fail(reply: "asyncio.Future[Any]", error: BaseException) -> None:
    """Answers with `error`, unless the asker has an answer or has given up."""
    if not reply.done():
        reply.set_exception(error)
