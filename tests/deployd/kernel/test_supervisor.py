import asyncio

import pytest

from deployd.kernel.actor import Actor
from deployd.kernel.budget import Budget
from deployd.kernel.child_spec import ChildSpec, GiveUp
from deployd.kernel.dead_letters import Undelivered
from deployd.kernel.errors import ActorStopped, Escalated, UnknownActor
from deployd.kernel.failure import ActorFailure, Next, Phase
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import State, Supervisor
from tests.deployd.kernel.stage import (
    Bug,
    Crash,
    Echo,
    Hold,
    Line,
    Player,
    Said,
    Script,
    Sleeper,
    Stage,
    on_stage,
)


async def test_a_restart_keeps_the_mailbox_but_not_the_poison() -> None:
    async with on_stage() as stage:
        for line in (Said(word="before"), Crash(), Said(word="after")):
            stage.ref.tell(line)
        assert await stage.script.hears(2) == ["before", "after"]
        assert stage.script.lives == 2
        assert stage.status.restarts == 1
        dead = stage.supervisor.dead_letters.latest()
        assert [(letter.actor, letter.message, letter.why) for letter in dead] == [
            ("player", Crash(), Undelivered.POISON)
        ]


async def test_a_failure_is_reported_with_what_was_in_hand_and_what_comes_next() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Crash())
        (failure,) = await stage.fails(1)
        assert (failure.actor, failure.crash.phase, failure.crash.message) == ("player", Phase.HANDLING, Crash())
        assert (failure.next, failure.delay_seconds) == (Next.RESTART, 1.0)
        assert str(failure) == "player failed while handling: Bug: poison (restart in 1.0 s)"
        assert stage.status.last_failure == "Bug: poison"


async def test_a_message_interrupted_by_failing_work_is_not_redelivered() -> None:
    in_hand = asyncio.Event()
    handled: list[Line] = []

    class Torn(Actor[Line]):
        async def on_start(self) -> None:
            if not in_hand.is_set():
                self.spawn(self._fail(), name="fail")

        async def _fail(self) -> None:
            await in_hand.wait()
            raise Bug("broken work")

        async def handle(self, message: Line) -> object:
            handled.append(message)
            if isinstance(message, Hold):
                in_hand.set()
                await asyncio.Event().wait()
            return "fine"

    ref: Ref[Line] = Ref("torn")
    supervisor = Supervisor("test", [ChildSpec(ref=ref, build=Torn)], report=lambda _: None, sleep=Sleeper())
    await supervisor.start()
    with pytest.raises(ActorStopped, match="broken work"):
        await ref.ask(Hold(), 2)
    assert await ref.ask(Echo(word="next"), 2) == "fine"
    assert handled == [Hold(), Echo(word="next")]
    dead = [(letter.message, letter.why) for letter in supervisor.dead_letters.latest()]
    assert dead == [(Hold(), Undelivered.INTERRUPTED)]
    await supervisor.stop()


async def test_a_stray_cancellation_in_handle_is_a_crash() -> None:
    class Stray(Actor[Line]):
        async def handle(self, message: Line) -> object:
            if isinstance(message, Crash):
                raise asyncio.CancelledError
            return "fine"

    ref: Ref[Line] = Ref("stray")
    failures: list[ActorFailure] = []
    supervisor = Supervisor("test", [ChildSpec(ref=ref, build=Stray)], report=failures.append, sleep=Sleeper())
    await supervisor.start()
    with pytest.raises(ActorStopped, match="CancelledError"):
        await ref.ask(Crash(), 2)
    assert await ref.ask(Echo(word="x"), 2) == "fine"
    assert len(failures) == 1
    await supervisor.stop()


async def test_waits_grow_with_each_failure_and_shrink_as_the_budget_recovers() -> None:
    async with on_stage(budget=Budget(restarts=5, half_life_seconds=10)) as stage:
        for _ in range(3):
            stage.ref.tell(Crash())
        await stage.fails(3)
        assert stage.sleeper.naps == [1.0, 2.0, 4.0]
        stage.clock.seconds += 1000
        stage.ref.tell(Crash())
        await stage.fails(4)
        assert stage.sleeper.naps[-1] == pytest.approx(1.0)


async def test_a_spent_budget_escalates_to_whoever_waits() -> None:
    async with on_stage(budget=Budget(restarts=2)) as stage:
        waiting = asyncio.create_task(stage.supervisor.wait())
        for _ in range(3):
            stage.ref.tell(Crash())
        stage.ref.tell(Said(word="left behind"))
        with pytest.raises(Escalated, match="player failed too often: Bug: poison") as caught:
            await waiting
        assert isinstance(caught.value.__cause__, Bug)
        assert [failure.next for failure in stage.failures] == [Next.RESTART, Next.RESTART, Next.ESCALATE]
        assert stage.status.state is State.STOPPED
        with pytest.raises(ActorStopped):
            await stage.ref.ask(Echo(word="too late"), 2)
        assert Said(word="left behind") in [letter.message for letter in stage.supervisor.dead_letters.latest()]


async def test_an_old_failure_does_not_spend_the_budget() -> None:
    async with on_stage(budget=Budget(restarts=2, half_life_seconds=10)) as stage:
        for count in range(1, 9):
            stage.ref.tell(Crash())
            await stage.fails(count)
            stage.clock.seconds += 100
        assert {failure.next for failure in stage.failures} == {Next.RESTART}


async def test_a_parked_child_refuses_at_once_until_it_is_revived() -> None:
    async with on_stage(give_up=GiveUp.PARK, budget=Budget(restarts=1)) as stage:
        stage.ref.tell(Crash())
        stage.ref.tell(Crash())
        in_line = asyncio.create_task(stage.ref.ask(Echo(word="in line"), 2))
        failures = await stage.fails(2)
        assert failures[-1].next is Next.PARK
        assert stage.status.state == "parked"
        assert stage.ref.parked
        with pytest.raises(ActorStopped):
            await in_line
        assert not stage.ref.tell(Said(word="nobody there"))

        await stage.supervisor.revive("player")
        assert stage.status.state == "running"
        assert await stage.ref.ask(Echo(word="back"), 2) == "back"
        assert stage.script.heard == ["back"]


async def test_reviving_forgives_the_failures_so_far() -> None:
    async with on_stage(give_up=GiveUp.PARK, budget=Budget(restarts=1)) as stage:
        for _ in range(2):
            stage.ref.tell(Crash())
        await stage.fails(2)
        await stage.supervisor.revive("player")
        stage.ref.tell(Crash())
        assert (await stage.fails(3))[-1].next is Next.RESTART


async def test_reviving_a_running_child_changes_nothing() -> None:
    async with on_stage() as stage:
        await stage.supervisor.revive("player")
        assert stage.script.lives == 1


async def test_reviving_an_unknown_name_is_refused() -> None:
    async with on_stage() as stage:
        with pytest.raises(UnknownActor, match="'ghost'"):
            await stage.supervisor.revive("ghost")


async def test_messages_wait_in_line_while_the_child_backs_off() -> None:
    async with on_stage(sleeper=Sleeper(hurried=False)) as stage:
        stage.ref.tell(Crash())
        await stage.sleeper.asleep.wait()
        assert stage.ref.tell(Said(word="patient"))
        assert (stage.status.state, stage.status.mailbox_depth) == (State.BACKING_OFF, 1)
        stage.sleeper.wake()
        assert await stage.script.hears(1) == ["patient"]


async def test_stopping_does_not_wait_for_a_backoff() -> None:
    stage = Stage(sleeper=Sleeper(hurried=False))
    await stage.supervisor.start()
    stage.ref.tell(Crash())
    await stage.sleeper.asleep.wait()
    assert await stage.supervisor.stop() == ()
    assert stage.status.state is State.STOPPED


async def test_the_age_of_the_message_in_hand_is_shown() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Hold())
        await stage.script.holding.wait()
        stage.clock.seconds += 7
        assert stage.status.in_hand_seconds == 7
        stage.script.gate.set()
        await stage.ref.ask(Echo(word="next"), 2)
        assert stage.status.in_hand_seconds == 0


def company(script: Script, *names: str, give_up: GiveUp = GiveUp.ESCALATE) -> list[ChildSpec[Line]]:
    return [ChildSpec(ref=Ref[Line](name), build=lambda ref: Player(ref, script), give_up=give_up) for name in names]


async def test_children_start_in_order_and_stop_in_reverse() -> None:
    script = Script()
    supervisor = Supervisor("test", company(script, "a", "b", "c"))
    await supervisor.start()
    assert [child.state for child in supervisor.status()] == [State.RUNNING] * 3
    assert await supervisor.stop() == ()
    await supervisor.wait()
    assert script.story == ["a starts", "b starts", "c starts", "c stops", "b stops", "a stops"]


async def test_a_child_that_cannot_start_and_escalates_undoes_the_start() -> None:
    good, bad = Script(), Script()
    bad.failing_starts = 1
    failures: list[ActorFailure] = []
    supervisor = Supervisor("test", company(good, "a") + company(bad, "b") + company(good, "c"), report=failures.append)
    with pytest.raises(Escalated, match="cannot start"):
        await supervisor.start()
    assert good.story == ["a starts", "a stops"]
    assert bad.story == ["b starts"]
    assert [(failure.crash.phase, failure.next) for failure in failures] == [(Phase.STARTING, Next.ESCALATE)]


async def test_a_child_that_may_be_parked_never_prevents_the_start() -> None:
    good, bad = Script(), Script()
    bad.failing_starts = 100
    parked = asyncio.Event()

    def report(failure: ActorFailure) -> None:
        if failure.next is Next.PARK:
            parked.set()

    children = company(bad, "a", give_up=GiveUp.PARK) + company(good, "b")
    supervisor = Supervisor("test", children, sleep=Sleeper(), report=report, budget=Budget(restarts=3))
    await supervisor.start()
    assert good.story == ["b starts"]
    await parked.wait()
    assert bad.lives == 4
    assert [child.state for child in supervisor.status()] == [State.PARKED, State.RUNNING]
    await supervisor.stop()


async def test_a_builder_that_raises_is_a_failed_start() -> None:
    def broken(ref: Ref[Line]) -> Player:
        raise Bug("no such tool")

    supervisor = Supervisor("test", [ChildSpec(ref=Ref[Line]("a"), build=broken)], report=lambda _: None)
    with pytest.raises(Escalated, match="no such tool"):
        await supervisor.start()


async def test_a_start_that_takes_too_long_is_a_failed_start() -> None:
    class Slow(Actor[Line]):
        async def on_start(self) -> None:
            await asyncio.Event().wait()

    children = [ChildSpec(ref=Ref[Line]("slow"), build=Slow, start_seconds=0.01)]
    supervisor = Supervisor("test", children, report=lambda _: None)
    with pytest.raises(Escalated, match=r"on_start took longer than 0\.01 s"):
        await supervisor.start()


async def test_a_start_that_is_cancelled_stops_what_was_started() -> None:
    entered = asyncio.Event()

    class Slow(Actor[Line]):
        async def on_start(self) -> None:
            entered.set()
            await asyncio.Event().wait()

    script = Script()
    supervisor = Supervisor("test", [*company(script, "a"), ChildSpec(ref=Ref[Line]("slow"), build=Slow)])
    starting = asyncio.create_task(supervisor.start())
    await entered.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert script.story == ["a starts", "a stops"]
    assert [child.state for child in supervisor.status()] == [State.STOPPED, State.STOPPED]


async def test_what_is_in_line_is_handled_before_the_stop() -> None:
    stage = Stage()
    await stage.supervisor.start()
    for number in range(1000):
        stage.ref.tell(Said(word=str(number)))
    await stage.supervisor.stop()
    assert stage.script.heard == [str(number) for number in range(1000)]
    assert stage.script.story == ["player starts", "player stops"]


async def test_a_handle_that_takes_too_long_is_cancelled_at_the_stop_and_on_stop_still_runs() -> None:
    stage = Stage(stop_seconds=0.02)
    await stage.supervisor.start()
    stage.ref.tell(Hold())
    stage.ref.tell(Said(word="behind"))
    await stage.script.holding.wait()
    assert await stage.supervisor.stop() == ()
    assert stage.script.story == ["player starts", "player stops"]
    dead = [(letter.message, letter.why) for letter in stage.supervisor.dead_letters.latest()]
    assert dead == [(Hold(), Undelivered.INTERRUPTED), (Said(word="behind"), Undelivered.STOPPED)]


async def test_work_that_ignores_its_cancellation_is_left_behind_and_named() -> None:
    release = asyncio.Event()

    class Stubborn(Actor[Line]):
        async def on_start(self) -> None:
            self.spawn(self._resist(), name="resist")

        async def _resist(self) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    failures: list[ActorFailure] = []
    script = Script()
    children = [*company(script, "a"), ChildSpec(ref=Ref[Line]("mule"), build=Stubborn, stop_seconds=0.02)]
    supervisor = Supervisor("test", children, report=failures.append)
    await supervisor.start()
    await asyncio.sleep(0)
    assert await supervisor.stop() == ("mule",)
    assert script.story == ["a starts", "a stops"]
    assert [str(failure.crash.error) for failure in failures] == ["mule: resist goes on although it was cancelled."]
    release.set()


async def test_a_failing_on_stop_is_reported_and_the_others_still_stop() -> None:
    class Sloppy(Actor[Line]):
        async def on_stop(self) -> None:
            raise Bug("lost the key")

    failures: list[ActorFailure] = []
    script = Script()
    children = [*company(script, "a"), ChildSpec(ref=Ref[Line]("sloppy"), build=Sloppy)]
    supervisor = Supervisor("test", children, report=failures.append)
    await supervisor.start()
    await supervisor.stop()
    assert [(failure.actor, failure.crash.phase, failure.next) for failure in failures] == [
        ("sloppy", Phase.STOPPING, Next.NOTHING)
    ]
    assert script.story == ["a starts", "a stops"]


async def test_on_stop_runs_after_a_crash_so_that_the_next_life_finds_a_clean_place() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Crash())
        await stage.ref.ask(Echo(word="again"), 2)
        assert stage.script.story == ["player starts", "player stops", "player starts"]


async def test_a_report_hook_that_fails_escalates_instead_of_losing_the_child() -> None:
    def broken(failure: ActorFailure) -> None:
        raise Bug("the log is gone")

    ref: Ref[Line] = Ref("a")
    children = [ChildSpec(ref=ref, build=lambda ref: Player(ref, Script()))]
    supervisor = Supervisor("test", children, report=broken, sleep=Sleeper())
    await supervisor.start()
    ref.tell(Crash())
    with pytest.raises(Escalated, match="the log is gone"):
        await supervisor.wait()
    assert not ref.tell(Said(word="anybody"))
    await supervisor.stop()


async def test_a_flooded_actor_lets_the_loop_turn() -> None:
    stage = Stage(ref=Ref("player", capacity=10_000))
    for number in range(10_000):
        stage.ref.tell(Said(word=str(number)))
    await stage.supervisor.start()
    await asyncio.sleep(0)
    assert 0 < len(stage.script.heard) < 10_000
    await stage.supervisor.stop()
    assert len(stage.script.heard) == 10_000


def test_two_children_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="same name"):
        Supervisor("test", company(Script(), "a", "a"))
