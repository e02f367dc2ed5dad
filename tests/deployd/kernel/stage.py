"""What the kernel's tests play with: a hand-moved clock, an actor that does as it is told, and a supervised stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployd.kernel.actor import Actor
from deployd.kernel.budget import Budget
from deployd.kernel.child_spec import ChildSpec, GiveUp
from deployd.kernel.failure import ActorFailure, ActorRefusal
from deployd.kernel.message import Message, Request
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import Backoff, ChildStatus, Supervisor

PATIENCE = 2.0


class HandClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class Sleeper:
    """A sleep that lasts until the test says so, or no time at all once it is `hurried`."""

    def __init__(self, *, hurried: bool = True) -> None:
        self.naps: list[float] = []
        self.asleep = asyncio.Event()
        self._alarm = asyncio.Event()
        self._hurried = hurried

    async def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.asleep.set()
        if not self._hurried:
            await self._alarm.wait()
            self._alarm.clear()

    def wake(self) -> None:
        self._alarm.set()


class Said(Message, frozen=True, kw_only=True):
    word: str


class Echo(Request[str], frozen=True, kw_only=True):
    word: str


class Hold(Request[str], frozen=True, kw_only=True):
    """Answered with "held" when the gate opens; `handle` itself waits."""


class Defer(Request[str], frozen=True, kw_only=True):
    """Answered when the gate opens, by a spawned task that refuses or fails when told to."""

    refuse: bool = False
    fail: bool = False


class Work(Message, frozen=True, kw_only=True):
    """A spawned task that nobody waits for; `apart` from the actor's own fate."""

    refuse: bool = False
    fail: bool = False
    apart: bool = False


class Crash(Request[str], frozen=True, kw_only=True):
    """A bug: not an expected error."""


class Refuse(Request[str], frozen=True, kw_only=True):
    """An expected error."""


class Refusal(Exception):
    pass


class Bug(Exception):
    pass


Line = Said | Echo | Hold | Defer | Work | Crash | Refuse


class Script:
    """What outlives the player's lives: the words it heard and how it is to behave."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.story: list[str] = []
        self.gate = asyncio.Event()
        self.holding = asyncio.Event()
        self.heard_something = asyncio.Event()
        self.failing_starts = 0
        self.lives = 0

    async def hears(self, count: int) -> list[str]:
        """The words, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self.heard_something.clear()
                await self.heard_something.wait()
        return self.heard


class Player(Actor[Line]):
    expected = (Refusal,)

    def __init__(self, ref: Ref[Line], script: Script) -> None:
        super().__init__(ref)
        self._script = script

    async def on_start(self) -> None:
        self._script.lives += 1
        self._script.story.append(f"{self.ref.name} starts")
        if self._script.failing_starts > 0:
            self._script.failing_starts -= 1
            raise Bug("cannot start")

    async def on_stop(self) -> None:
        self._script.story.append(f"{self.ref.name} stops")

    async def handle(self, message: Line) -> object:
        match message:
            case Said(word=word) | Echo(word=word):
                self._script.heard.append(word)
                self._script.heard_something.set()
                return word
            case Hold():
                return await self._hold()
            case Defer(refuse=refuse, fail=fail):
                return self.spawn(self._work(refuse, fail), name="defer")
            case Work(refuse=refuse, fail=fail, apart=apart):
                self.spawn(self._work(refuse, fail), name="work", failed=self._note if apart else None)
            case Crash():
                raise Bug("poison")
            case Refuse():
                raise Refusal("no")
        return None

    def _note(self, error: BaseException) -> None:
        self._script.heard.append(str(error))
        self._script.heard_something.set()

    async def _hold(self) -> str:
        self._script.holding.set()
        await self._script.gate.wait()
        return "held"

    async def _work(self, refuse: bool, fail: bool) -> str:
        await self._hold()
        if refuse:
            raise Refusal("not like this")
        if fail:
            raise Bug("broken work")
        return "done"


class Stage:
    """One player under a supervisor, with everything that was reported."""

    def __init__(
        self,
        *,
        ref: Ref[Line] | None = None,
        give_up: GiveUp = GiveUp.ESCALATE,
        budget: Budget | None = None,
        sleeper: Sleeper | None = None,
        stop_seconds: float = 5.0,
    ) -> None:
        self.ref: Ref[Line] = ref or Ref("player")
        self.script = Script()
        self.clock = HandClock()
        self.sleeper = sleeper or Sleeper()
        self.failures: list[ActorFailure] = []
        self.refusals: list[ActorRefusal] = []
        self.refused = asyncio.Event()
        self.failed = asyncio.Event()
        spec = ChildSpec(
            ref=self.ref,
            build=lambda ref: Player(ref, self.script),
            give_up=give_up,
            stop_seconds=stop_seconds,
        )
        self.supervisor = Supervisor(
            "stage",
            [spec],
            clock=self.clock,
            random=lambda: 0.0,
            sleep=self.sleeper,
            backoff=Backoff(first_seconds=1.0, factor=2.0, cap_seconds=8.0),
            budget=budget,
            report=self._report,
            on_refusal=self._refuse,
        )

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()[0]

    async def fails(self, count: int) -> list[ActorFailure]:
        """The failures, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.failures) < count:
                self.failed.clear()
                await self.failed.wait()
        return self.failures

    def _report(self, failure: ActorFailure) -> None:
        self.failures.append(failure)
        self.failed.set()

    def _refuse(self, refusal: ActorRefusal) -> None:
        self.refusals.append(refusal)
        self.refused.set()


@asynccontextmanager
async def on_stage(
    *,
    ref: Ref[Line] | None = None,
    give_up: GiveUp = GiveUp.ESCALATE,
    budget: Budget | None = None,
    sleeper: Sleeper | None = None,
    stop_seconds: float = 5.0,
) -> AsyncIterator[Stage]:
    stage = Stage(ref=ref, give_up=give_up, budget=budget, sleeper=sleeper, stop_seconds=stop_seconds)
    await stage.supervisor.start()
    try:
        yield stage
    finally:
        await stage.supervisor.stop()
