"""Starts actors in order, restarts those that crash, stops them in reverse, and shows how they are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import random as system_random
from typing import Any

from deployd.kernel.backoff import Backoff
from deployd.kernel.budget import Budget
from deployd.kernel.child import Child, ChildStatus, Policy, State
from deployd.kernel.child_spec import ChildSpec, GiveUp
from deployd.kernel.clock import Clock, SystemClock
from deployd.kernel.dead_letters import DeadLetters
from deployd.kernel.errors import Escalated, UnknownActor
from deployd.kernel.failure import ActorFailure, ActorRefusal

__all__ = ["Backoff", "Budget", "ChildSpec", "ChildStatus", "GiveUp", "State", "Supervisor"]

_log = logging.getLogger(__name__)


def log_failure(failure: ActorFailure) -> None:
    _log.error("%s", failure, exc_info=failure.crash.error)


def log_refusal(refusal: ActorRefusal) -> None:
    _log.warning("%s refused %s: %s", refusal.actor, refusal.task or type(refusal.message).__name__, refusal.error)


class Supervisor:
    """One for one: a crash is its own child's matter, until that child has spent its restart budget."""

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec[Any]],
        *,
        clock: Clock | None = None,
        random: Callable[[], float] = system_random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Backoff | None = None,
        budget: Budget | None = None,
        report: Callable[[ActorFailure], None] = log_failure,
        on_refusal: Callable[[ActorRefusal], None] = log_refusal,
    ) -> None:
        self.name = name
        clock = clock or SystemClock()
        self.dead_letters = DeadLetters(clock)
        policy = Policy(
            clock=clock,
            random=random,
            sleep=sleep,
            backoff=backoff or Backoff(),
            budget=budget or Budget(),
            report=report,
            on_refusal=on_refusal,
            escalate=self._escalate,
        )
        self._children = {spec.ref.name: Child(spec, policy) for spec in children}
        if len(self._children) < len(children):
            raise ValueError(f"Two children of {name} have the same name.")
        for spec in children:
            spec.ref.mailbox.dead_letters = self.dead_letters
        self._escalated: Escalated | None = None
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Each child's `on_start` is awaited before the next one's. Raises Escalated, with nothing left running."""
        try:
            for child in self._children.values():
                await child.start()
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> None:
        """Returns when it is stopped; raises Escalated as soon as a child is given up. Stopping is the caller's."""
        await self._over.wait()
        if self._escalated is not None:
            raise self._escalated

    @property
    def stop_seconds(self) -> float:
        """How long `stop` takes at most."""
        return sum(child.spec.stop_seconds for child in self._children.values())

    async def stop(self) -> tuple[str, ...]:
        """In reverse order, each with its own deadline; the names of those that did not stop."""
        left = [child.name for child in reversed(self._children.values()) if not await child.stop()]
        self._over.set()
        return tuple(left)

    async def revive(self, name: str) -> None:
        """Starts a parked child again; UnknownActor when there is none of that name."""
        child = self._children.get(name)
        if child is None:
            raise UnknownActor(f"{self.name} has no actor named {name!r}.")
        await child.revive()

    def status(self) -> list[ChildStatus]:
        """In start order."""
        return [child.status() for child in self._children.values()]

    def _escalate(self, error: Escalated) -> None:
        self._escalated = self._escalated or error
        self._over.set()
