import asyncio

import pytest

from deployd.kernel.errors import ActorStopped, AskTimeout
from deployd.kernel.failure import Next
from deployd.kernel.ref import Ref
from tests.deployd.kernel.stage import Bug, Crash, Defer, Echo, Hold, Line, Refusal, Refuse, Said, Stage, Work, on_stage


async def test_an_asker_gets_what_handle_returns() -> None:
    async with on_stage() as stage:
        assert await stage.ref.ask(Echo(word="hello"), 2) == "hello"


async def test_a_ref_takes_messages_before_its_actor_exists() -> None:
    ref: Ref[Line] = Ref("player")
    ref.tell(Said(word="early"))
    ref.control(Said(word="first"))
    async with on_stage(ref=ref) as stage:
        assert await stage.script.hears(2) == ["first", "early"]


async def test_an_expected_error_goes_to_the_asker_and_does_not_crash() -> None:
    async with on_stage() as stage:
        with pytest.raises(Refusal, match="no"):
            await stage.ref.ask(Refuse(), 2)
        assert await stage.ref.ask(Echo(word="still here"), 2) == "still here"
        assert stage.script.lives == 1
        assert stage.refusals == []


async def test_an_expected_error_that_nobody_waits_for_is_a_counted_refusal() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Refuse())
        await stage.ref.ask(Echo(word="next"), 2)
        assert [(type(refusal.error), refusal.message) for refusal in stage.refusals] == [(Refusal, Refuse())]
        assert stage.status.refusals == 1
        assert stage.failures == []


async def test_an_asker_is_told_how_the_actor_crashed() -> None:
    async with on_stage() as stage:
        with pytest.raises(ActorStopped, match="Bug: poison") as caught:
            await stage.ref.ask(Crash(), 2)
        assert isinstance(caught.value.__cause__, Bug)


async def test_no_answer_in_time_is_a_timeout_and_the_actor_goes_on() -> None:
    async with on_stage() as stage:
        with pytest.raises(AskTimeout, match=r"player did not answer Hold within 0\.01 s"):
            await stage.ref.ask(Hold(), 0.01)
        stage.script.gate.set()
        assert await stage.ref.ask(Echo(word="next"), 2) == "next"


async def test_a_request_whose_asker_gave_up_in_line_is_not_handled() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Hold())
        with pytest.raises(AskTimeout):
            await stage.ref.ask(Echo(word="too late"), 0.01)
        stage.script.gate.set()
        assert await stage.ref.ask(Echo(word="in time"), 2) == "in time"
        assert stage.script.heard == ["in time"]


async def test_a_cancelled_asker_harms_nobody() -> None:
    async with on_stage() as stage:
        asking = asyncio.create_task(stage.ref.ask(Hold(), 60))
        await stage.script.holding.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        stage.script.gate.set()
        assert await stage.ref.ask(Echo(word="next"), 2) == "next"


async def test_a_deferred_reply_does_not_hold_up_the_mailbox() -> None:
    async with on_stage() as stage:
        asking = asyncio.create_task(stage.ref.ask(Defer(), 2))
        await stage.script.holding.wait()
        assert await stage.ref.ask(Echo(word="meanwhile"), 2) == "meanwhile"
        assert not asking.done()
        stage.script.gate.set()
        assert await asking == "done"


async def test_a_deferred_refusal_goes_to_the_asker_alone() -> None:
    async with on_stage() as stage:
        stage.script.gate.set()
        with pytest.raises(Refusal, match="not like this"):
            await stage.ref.ask(Defer(refuse=True), 2)
        assert stage.refusals == []
        assert stage.script.lives == 1


async def test_a_deferred_bug_crashes_the_actor_and_answers_the_asker() -> None:
    async with on_stage() as stage:
        stage.script.gate.set()
        with pytest.raises(ActorStopped, match="broken work"):
            await stage.ref.ask(Defer(fail=True), 2)
        assert await stage.ref.ask(Echo(word="again"), 2) == "again"
        assert stage.script.lives == 2


async def test_a_refusal_of_spawned_work_is_reported_and_does_not_crash() -> None:
    async with on_stage() as stage:
        stage.script.gate.set()
        stage.ref.tell(Work(refuse=True))
        await stage.refused.wait()
        assert stage.refusals[0].task == "player: work"
        assert stage.script.lives == 1
        assert stage.failures == []


async def test_a_bug_in_spawned_work_crashes_the_actor() -> None:
    async with on_stage() as stage:
        stage.ref.tell(Work(fail=True))
        stage.script.gate.set()
        await stage.failed.wait()
        assert stage.failures[0].crash.task == "player: work"
        assert await stage.ref.ask(Echo(word="again"), 2) == "again"
        assert stage.script.lives == 2


async def test_a_bug_in_work_that_stands_apart_is_reported_and_ends_that_work_alone() -> None:
    async with on_stage() as stage:
        stage.script.gate.set()
        for _ in range(20):
            stage.ref.tell(Work(fail=True, apart=True))
        assert await stage.script.hears(20) == ["broken work"] * 20
        assert {(one.next, one.crash.task) for one in stage.failures} == {(Next.GO_ON, "player: work")}
        assert stage.script.lives == 1
        assert stage.status.restarts == 0


async def test_every_asker_is_answered_at_the_end() -> None:
    stage = Stage(stop_seconds=0.02)
    await stage.supervisor.start()
    asking = [asyncio.create_task(stage.ref.ask(request, 60)) for request in (Defer(), Hold(), Echo(word="in line"))]
    await stage.script.holding.wait()
    await stage.supervisor.stop()
    for task in asking:
        with pytest.raises(ActorStopped):
            await task
    with pytest.raises(ActorStopped):
        await stage.ref.ask(Echo(word="too late"), 60)
    assert not stage.ref.tell(Said(word="too late"))
