"""One place in the supervision tree: it lives its actor's lives, one after another, and decides when it is enough."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import msgspec

from deployd.kernel.backoff import Backoff
from deployd.kernel.budget import Account, Budget
from deployd.kernel.child_spec import ChildSpec, GiveUp
from deployd.kernel.clock import Clock
from deployd.kernel.errors import Escalated
from deployd.kernel.failure import ActorFailure, ActorRefusal, Crash, Next, Phase
from deployd.kernel.life import Life


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    PARKED = "parked"
    STOPPED = "stopped"


class ChildStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`in_hand_seconds` is the age of the message in hand, 0 without one."""

    name: str
    state: State
    restarts: int
    refusals: int
    mailbox_depth: int
    in_hand_seconds: float
    last_failure: str | None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What all children of a supervisor share."""

    clock: Clock
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    backoff: Backoff
    budget: Budget
    report: Callable[[ActorFailure], None]
    on_refusal: Callable[[ActorRefusal], None]
    escalate: Callable[[Escalated], None]


class Child:
    def __init__(self, spec: ChildSpec[Any], policy: Policy) -> None:
        self.spec = spec
        self.name = spec.ref.name
        self._policy = policy
        self._account = Account(policy.budget)
        self._state = State.STOPPED
        self._restarts = 0
        self._refusals = 0
        self._last_crash: Crash | None = None
        self._escalated: Escalated | None = None
        self._began = asyncio.Event()  # the first life has started, or has failed to
        self._stopping = False
        self._life: Life | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when `on_start` is done; when that fails, ESCALATE raises Escalated, PARK is tried again behind."""
        self._began.clear()
        self._stopping = False
        self._state = State.STARTING
        self.spec.ref.parked = False
        self.spec.ref.mailbox.open()
        self._task = asyncio.get_running_loop().create_task(self._live(), name=f"{self.name}: supervision")
        await self._began.wait()
        if self._escalated is not None:
            raise self._escalated

    async def stop(self) -> bool:
        """False: it was given up, work that ignored being cancelled is left behind."""
        self._stopping = True
        task, life = self._task, self._life
        if task is None or task.done():
            self._close(State.STOPPED)
            return True
        if life is None or self._state is State.BACKING_OFF:
            task.cancel()
        else:
            life.stop()
        await asyncio.wait({task})
        return life is None or not life.stuck

    async def revive(self) -> None:
        """Starts a parked child again with a clean record; does nothing to others."""
        if self._state is State.PARKED:
            self._account.forgive()
            await self.start()

    def status(self) -> ChildStatus:
        error = self._last_crash.error if self._last_crash else None
        return ChildStatus(
            name=self.name,
            state=self._state,
            restarts=self._restarts,
            refusals=self._refusals,
            mailbox_depth=len(self.spec.ref.mailbox),
            in_hand_seconds=self._life.in_hand_seconds if self._life else 0.0,
            last_failure=f"{type(error).__name__}: {error}" if error else None,
        )

    def started(self) -> None:
        self._state = State.RUNNING
        self._began.set()

    def refused(self, refusal: ActorRefusal) -> None:
        self._refusals += 1
        self._policy.on_refusal(refusal)

    def survived(self, crash: Crash) -> None:
        self._policy.report(ActorFailure(actor=self.name, crash=crash, next=Next.GO_ON))

    def failed_to_stop(self, crash: Crash) -> None:
        self._report(crash, Next.NOTHING)

    async def _live(self) -> None:
        final = State.STOPPED
        try:
            final = await self._lives()
        except Exception as error:  # noqa: BLE001 - the supervision itself failed, for instance in a `report` hook
            self._escalate(error)
        finally:
            self._close(final)

    async def _lives(self) -> State:
        while (crash := await self._live_once()) is not None:
            failures = self._account.charge(self._policy.clock.monotonic())
            step = self._next()
            delay = self._policy.backoff.delay(failures, self._policy.random) if step is Next.RESTART else 0.0
            self._state = State.BACKING_OFF
            if step is Next.ESCALATE:
                self._escalate(crash.error)
            self._report(crash, step, delay)
            if step is not Next.RESTART:
                return State.PARKED if step is Next.PARK else State.STOPPED
            self._began.set()
            await self._policy.sleep(delay)
            self._restarts += 1
            self._state = State.STARTING
        return State.STOPPED

    async def _live_once(self) -> Crash | None:
        try:
            actor = self.spec.build(self.spec.ref)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a child is the supervisor's to decide
            return Crash(error=error, phase=Phase.STARTING)
        self._life = Life(actor, self.spec, self._policy.clock, self)
        return await self._life.run()

    def _next(self) -> Next:
        if self._stopping:
            return Next.NOTHING
        if self.spec.give_up is GiveUp.PARK:
            return Next.PARK if self._account.overdrawn else Next.RESTART
        first = not self._began.is_set()  # what cannot even start is not worth waiting for
        return Next.ESCALATE if first or self._account.overdrawn else Next.RESTART

    def _report(self, crash: Crash, step: Next, delay_seconds: float = 0.0) -> None:
        self._last_crash = crash
        self._policy.report(ActorFailure(actor=self.name, crash=crash, next=step, delay_seconds=delay_seconds))

    def _escalate(self, cause: BaseException) -> None:
        self._escalated = Escalated(f"{self.name} failed too often: {type(cause).__name__}: {cause}")
        self._escalated.__cause__ = cause
        self._policy.escalate(self._escalated)

    def _close(self, state: State) -> None:
        """Nobody who waits in line, or comes later, is left without an answer."""
        self._state = state
        self._life = None
        self.spec.ref.parked = state is State.PARKED
        mailbox = self.spec.ref.mailbox
        mailbox.close()
        mailbox.clear(self._last_crash.error if self._last_crash else None)
        self._began.set()
