"""A target that keeps failing is left alone for growing times; one good answer ends a row of failures."""

import pytest

from deployd.domain.edge import EdgeSettings
from deployd.domain.route import Address
from deployd.proxy.balancer import pick
from deployd.proxy.ejection import FAILURES_IN_A_ROW, Trouble, after_answer, after_failure
from deployd.proxy.target import Target
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream


def failed(times: int, now: float = 0.0, refused: bool = False, before: Trouble | None = None) -> Trouble:
    trouble = before
    for _ in range(times):
        trouble = after_failure(trouble, now, refused)
    assert trouble is not None
    return trouble


def test_one_failure_is_no_reason_and_one_refusal_a_short_one() -> None:
    assert failed(1).until == 0.0
    assert failed(1, now=10.0, refused=True).until == 12.0


def test_three_in_a_row_are_enough() -> None:
    assert failed(FAILURES_IN_A_ROW - 1, now=10.0).until == 0.0
    assert failed(FAILURES_IN_A_ROW, now=10.0).until == 15.0


def test_an_answer_between_starts_the_row_over() -> None:
    assert after_answer(failed(2), 1.0) is None
    assert failed(2, before=None).until == 0.0


def test_the_time_out_doubles_until_a_minute() -> None:
    trouble, now, times = failed(FAILURES_IN_A_ROW), 0.0, []
    for _ in range(6):
        times.append(trouble.until - now)
        now = trouble.until
        trouble = after_failure(trouble, now, refused=False)
    assert times == [5, 10, 20, 40, 60, 60]


def test_what_fails_late_does_not_eject_twice() -> None:
    trouble = failed(FAILURES_IN_A_ROW)
    assert failed(20, now=1.0, before=trouble) == trouble


@pytest.mark.parametrize(("later", "forgiven"), [(1.0, False), (59.0, False), (61.0, True)])
def test_it_is_forgotten_only_after_a_good_minute(later: float, forgiven: bool) -> None:
    trouble = failed(FAILURES_IN_A_ROW)
    better = after_answer(trouble, trouble.until + later)
    assert (better is None) is forgiven
    if better is not None:
        assert (better.failures, better.ejections) == (0, 1)
        assert failed(FAILURES_IN_A_ROW, now=100.0, before=better).until == 110.0


def test_never_are_all_of_them_out() -> None:
    targets = [Target(Address(host="127.0.0.1", port=port)) for port in (1, 2)]
    for target in targets:
        for _ in range(FAILURES_IN_A_ROW):
            target.note_failure(0.0, refused=True)
    assert {pick(targets, 1.0) for _ in range(100)} == set(targets)


async def test_a_target_that_breaks_its_answers_is_left_alone(bench: Bench) -> None:
    async def breaking(conversation: Conversation) -> None:
        await conversation.request()

    async with upstream(breaking) as bad, upstream(answering(b"good")) as good, connected(bench.port) as client:
        bench.route(bad.address, good.address)
        statuses = []
        for _ in range(100):
            await client.send(get(extra="X: y\r\n"))
            statuses.append((await client.response()).status)
        assert statuses.count(502) == FAILURES_IN_A_ROW
        assert bad.connections == FAILURES_IN_A_ROW
        assert bench.proxy.stats().totals()["ejections_total"] == 1


async def test_the_last_target_is_asked_however_often_it_fails(bench: Bench) -> None:
    async def breaking(conversation: Conversation) -> None:
        await conversation.request()

    async with upstream(breaking) as bad, connected(bench.port) as client:
        bench.route(bad.address)
        for _ in range(10):
            await client.send(get())
            assert (await client.response()).status == 502
        assert bad.connections == 10


async def test_a_switch_that_keeps_a_target_does_not_forgive_it(bench: Bench) -> None:
    async with upstream(answering()) as good, connected(bench.port) as client:
        nobody = Address(host="127.0.0.1", port=1)
        bench.route(nobody, good.address)
        for _ in range(20):
            await client.send(get())
            assert (await client.response()).status == 200
        service = bench.proxy._plane.table.find(b"app.test")
        assert service is not None
        troubled = service.targets[0].refused_until
        bench.route(nobody, good.address, edge=EdgeSettings(sticky=True))
        assert service.targets[0].refused_until == troubled > 0
