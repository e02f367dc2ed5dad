"""One life of an actor: from `on_start` over its messages to `on_stop`, or to the crash that ends it."""

import asyncio
from typing import Any, Protocol

from deployd.kernel.actor import Actor
from deployd.kernel.child_spec import ChildSpec
from deployd.kernel.clock import Clock
from deployd.kernel.dead_letters import Undelivered
from deployd.kernel.errors import stopped
from deployd.kernel.failure import ActorRefusal, Crash, Phase
from deployd.kernel.late_replies import LateReplies
from deployd.kernel.mailbox import Ask, fail

BATCH = 256
SLICE_SECONDS = 0.005  # a flood of messages lets the loop turn this often


class Witness(Protocol):
    """Who hears what happens in a life."""

    def started(self) -> None: ...
    def refused(self, refusal: ActorRefusal) -> None: ...
    def survived(self, crash: Crash) -> None: ...
    def failed_to_stop(self, crash: Crash) -> None: ...


class Life:
    """`run` it once; `stop` makes it end. The mailbox belongs to the Ref and is kept."""

    def __init__(self, actor: Actor[Any], spec: ChildSpec[Any], clock: Clock, witness: Witness) -> None:
        self._actor = actor
        self._spec = spec
        self._clock = clock
        self._witness = witness
        self._name = spec.ref.name
        self._mailbox = spec.ref.mailbox
        self._phase = Phase.STARTING
        self._in_hand: object = None
        self._in_hand_since = 0.0
        self._late = LateReplies(self._name, actor.expected)
        self._loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[Crash] = self._loop.create_future()
        self._serving: asyncio.Task[None] | None = None
        self._deadline: float | None = None
        self._over = False
        self.stuck: set[str] = set()  # the work that ignored being cancelled
        actor.owned.on_failure = self._task_failed

    @property
    def in_hand_seconds(self) -> float:
        """How long the actor has been at its present message; 0 when it has none."""
        return 0.0 if self._in_hand is None else self._clock.monotonic() - self._in_hand_since

    async def run(self) -> Crash | None:
        """None: it was stopped. When it returns, each asker that this life took on has an answer."""
        if self._deadline is not None:
            return None
        self._serving = serving = self._loop.create_task(self._serve(), name=self._name)
        either: set[asyncio.Future[Any]] = {serving, self._broken}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return await self._wind_down(serving)
        finally:
            self._over = True
            serving.cancel()
            self._late.abandon(self._cause)

    def stop(self) -> None:
        """What is in line is handled within half of the stop time; an unfinished `on_start` is cancelled."""
        self._deadline = self._loop.time() + self._spec.stop_seconds
        self._mailbox.close()
        if self._serving is not None and self._phase is Phase.STARTING:
            self._serving.cancel()
        elif self._serving is not None:
            self._loop.call_later(self._left(0.5), self._serving.cancel)

    async def _serve(self) -> None:
        await self._start()
        self._phase = Phase.HANDLING
        self._witness.started()
        mailbox = self._mailbox
        while mailbox or not mailbox.closed:
            await self._handle_batch()
            await mailbox.more()

    async def _start(self) -> None:
        limit = asyncio.timeout(self._spec.start_seconds)
        try:
            async with limit:
                await self._actor.on_start()
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"on_start took longer than {self._spec.start_seconds:g} s.") from error
            raise

    async def _handle_batch(self) -> None:
        handle, expected, monotonic = self._actor.handle, self._actor.expected, self._clock.monotonic
        slice_end = monotonic() + SLICE_SECONDS
        for letter in self._mailbox.batch(BATCH):
            self._in_hand = letter
            self._in_hand_since = now = monotonic()
            if type(letter) is Ask:
                await self._answer(letter)
            else:
                try:
                    await handle(letter)
                except expected as error:
                    self._refuse(error, message=letter)
            if now > slice_end or self._over:
                break
        self._in_hand = None

    async def _answer(self, ask: Ask) -> None:
        reply = ask.reply
        if reply.done():  # the asker gave up while the request was in line
            return
        try:
            outcome = await self._actor.handle(ask.request)
        except self._actor.expected as error:
            if reply.done():
                self._refuse(error, message=ask.request)
            fail(reply, error)
            return
        if isinstance(outcome, asyncio.Task):
            self._late.promise(outcome, reply)
        elif not reply.done():
            reply.set_result(outcome)

    def _task_failed(self, task: asyncio.Task[Any], error: BaseException) -> None:
        crash = Crash(error=error, phase=Phase.WORKING, task=task.get_name())
        if isinstance(error, self._actor.expected):
            if not self._late.hears(task):
                self._refuse(error, task=task.get_name())
        elif (failed := self._actor.owned.failed_of(task)) is not None and isinstance(error, Exception):
            self._witness.survived(crash)
            failed(error)
        elif self._deadline is None and not self._broken.done():
            self._broken.set_result(crash)
        else:
            self._witness.failed_to_stop(crash)

    def _refuse(self, error: BaseException, *, message: object = None, task: str | None = None) -> None:
        self._witness.refused(ActorRefusal(actor=self._name, error=error, message=message, task=task))

    async def _wind_down(self, serving: asyncio.Task[None]) -> Crash | None:
        asked = self._deadline is not None
        if self._deadline is None:
            self._deadline = self._loop.time() + self._spec.stop_seconds
        serving.cancel()
        await asyncio.wait({serving}, timeout=self._left(0.5))
        crash = self._broken.result() if self._broken.done() else self._crash_of(serving, asked)
        if crash is not None and not self._broken.done():
            self._broken.set_result(crash)
        self._bury_in_hand(crash)
        self.stuck |= await self._actor.owned.cancel(self._left(0.75))
        if not serving.done():
            self.stuck.add(f"{self._name}: {self._phase}")
        for name in self.stuck:
            self._complain(TimeoutError(f"{name} goes on although it was cancelled."))
        if self._phase is not Phase.STARTING:
            await self._run_on_stop()
        return crash

    def _crash_of(self, serving: asyncio.Task[None], asked: bool) -> Crash | None:
        if not serving.done() or (serving.cancelled() and asked):
            return None
        escaped = RuntimeError("A CancelledError that nobody had asked for escaped.")
        error = escaped if serving.cancelled() else serving.exception()
        message = self._in_hand.request if isinstance(self._in_hand, Ask) else self._in_hand
        return Crash(error=error, phase=self._phase, message=message) if error is not None else None

    def _bury_in_hand(self, crash: Crash | None) -> None:
        letter, self._in_hand = self._in_hand, None
        if letter is None:
            return
        if isinstance(letter, Ask):
            fail(letter.reply, stopped(self._name, crash.error if crash else None))
        message = letter.request if isinstance(letter, Ask) else letter
        poison = crash is not None and crash.phase is Phase.HANDLING
        why = Undelivered.POISON if poison else Undelivered.INTERRUPTED
        self._mailbox.dead_letters.add(self._name, message, why)

    async def _run_on_stop(self) -> None:
        stopping = self._loop.create_task(self._actor.on_stop(), name=f"{self._name}: on_stop")
        try:
            await asyncio.wait({stopping}, timeout=self._left(1.0))
        finally:
            stopping.cancel()
        if not stopping.done():
            self.stuck.add(stopping.get_name())
            self._complain(TimeoutError(f"on_stop was not done when the {self._spec.stop_seconds:g} s were over."))
        elif not stopping.cancelled() and (error := stopping.exception()) is not None:
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        self._witness.failed_to_stop(Crash(error=error, phase=Phase.STOPPING))

    @property
    def _cause(self) -> BaseException | None:
        return self._broken.result().error if self._broken.done() and not self._broken.cancelled() else None

    def _left(self, share: float) -> float:
        """Seconds until that share of the stop time is used up."""
        assert self._deadline is not None
        return max(0.0, self._deadline - self._spec.stop_seconds * (1.0 - share) - self._loop.time())
