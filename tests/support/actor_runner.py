"""Runs one actor for a test, and makes the test fail when the actor crashed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from deployd.kernel.actor import Actor
from deployd.kernel.failure import ActorFailure
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import Budget, ChildSpec, Supervisor

A = TypeVar("A", bound=Actor[Any])


@asynccontextmanager
async def running(build: Callable[[Ref[Any]], A], ref: Ref[Any], *, stop_seconds: float = 5.0) -> AsyncIterator[A]:
    """The actor, started; at the end it is stopped, and the first failure of it (if any) is raised."""
    failures: list[ActorFailure] = []
    built: list[A] = []

    def remember(ref: Ref[Any]) -> A:
        built.append(build(ref))
        return built[-1]

    supervisor = Supervisor(
        "test",
        [ChildSpec(ref=ref, build=remember, stop_seconds=stop_seconds)],
        budget=Budget(restarts=0),
        report=failures.append,
    )
    await supervisor.start()
    try:
        yield built[-1]
    finally:
        await supervisor.stop()
    if failures:
        raise failures[0].crash.error
