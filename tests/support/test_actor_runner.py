import pytest

from deployd.kernel.errors import ActorStopped, Escalated
from deployd.kernel.ref import Ref
from tests.deployd.kernel.stage import Bug, Crash, Echo, Line, Player, Script
from tests.support.actor_runner import running


async def test_the_actor_runs_inside_the_block_and_is_stopped_after_it() -> None:
    ref: Ref[Line] = Ref("player")
    script = Script()
    async with running(lambda ref: Player(ref, script), ref) as player:
        assert player.ref is ref
        assert await ref.ask(Echo(word="hello"), 2) == "hello"
    assert script.story == ["player starts", "player stops"]


async def test_a_crash_that_the_test_did_not_look_at_fails_the_test() -> None:
    with pytest.raises(Bug, match="poison"):
        await _crash_in_a_test()


async def _crash_in_a_test() -> None:
    ref: Ref[Line] = Ref("player")
    async with running(lambda ref: Player(ref, Script()), ref):
        with pytest.raises(ActorStopped):
            await ref.ask(Crash(), 2)


async def test_an_actor_that_cannot_start_fails_the_test() -> None:
    script = Script()
    script.failing_starts = 1
    with pytest.raises(Escalated, match="cannot start"):
        async with running(lambda ref: Player(ref, script), Ref[Line]("player")):
            pytest.fail("it never runs")
