"""What a DeploymentStore promises."""

import asyncio
from itertools import pairwise

import pytest

from deployd.domain.deployment import Outcome, Stage, StageEntry, SwitchReport, Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import NotFound, StateConflict
from deployd.ports.stores import Stores
from tests.contracts.samples import BLOG, PLAN, SHOP, a_deployment, an_app, an_event


@pytest.fixture(autouse=True)
async def apps(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))


async def test_a_deployment_comes_back_as_it_was_added(stores: Stores) -> None:
    full = a_deployment(
        trigger=Trigger.ROLLBACK,
        stage=Stage.ENDED,
        ref="v1.2",
        commit="0123abc",
        commit_message="Sell more\n\nand faster",
        release=7,
        outcome=Outcome.LIVE,
        reason="because",
        ended_ms=2_000,
        switch=SwitchReport(served_by_old=3, served_by_new=4, drain_seconds=0.25),
        canary=CanaryRule(percent=5, header="X-Canary: 1", allow=("10.0.0.0/8",)),
    )
    await stores.deployments.add(full)
    assert await stores.deployments.get("dep-1") == full


async def test_adding_writes_the_first_line_of_the_journal(stores: Stores) -> None:
    await stores.deployments.add(a_deployment(requested_ms=5))
    assert await stores.deployments.journal(a_deployment().id) == [StageEntry(stage=Stage.QUEUED, entered_ms=5)]


async def test_a_deployment_of_a_removed_app_is_a_conflict_and_leaves_no_journal(stores: Stores) -> None:
    with pytest.raises(StateConflict):
        await stores.deployments.add(a_deployment(app="gone"))
    assert await stores.deployments.journal(a_deployment().id) == []


async def test_each_write_tells_its_event_when_it_was_made_and_none_when_it_was_refused(stores: Stores) -> None:
    """Both are one transaction: nothing can come between the row and the event."""
    row, deployments, feed = a_deployment(), stores.deployments, stores.events.subscribe()
    with pytest.raises(StateConflict):
        await deployments.add(a_deployment(app="gone"), an_event(1))
    await deployments.add(row, an_event(2))
    with pytest.raises(StateConflict):
        await deployments.move(row.id, Stage.BUILDING, Stage.PACKING, 0, an_event(3))
    await deployments.move(row.id, Stage.QUEUED, Stage.FETCHING, 0, an_event(4))
    assert await deployments.revert(row.id, "too early", an_event(5)) is False
    assert await deployments.end(row.id, Outcome.LIVE, None, 0, an_event(6)) is True
    assert await deployments.end(row.id, Outcome.FAILED, None, 0, an_event(7)) is False
    assert await deployments.revert(row.id, "it failed", an_event(8)) is True
    told = [an_event(number) for number in (2, 4, 6, 8)]
    assert [await feed.next() for _ in told] == told
    assert await stores.events.recent(10) == told[::-1]


async def test_an_unknown_deployment_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound, match="no deployment 'dep-9'"):
        await stores.deployments.get("dep-9")


async def test_moves_are_journaled_in_order_even_within_a_millisecond(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    path = [Stage.QUEUED, Stage.FETCHING, Stage.DETECTING, Stage.BUILDING]
    for frm, to in pairwise(path):
        await stores.deployments.move(row.id, frm, to, row.requested_ms)
    assert (await stores.deployments.get(row.id)).stage is Stage.BUILDING
    assert [entry.stage for entry in await stores.deployments.journal(row.id)] == path


async def test_a_move_from_another_stage_is_a_conflict_and_changes_nothing(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    with pytest.raises(StateConflict, match="dep-1 is not building any more"):
        await stores.deployments.move(row.id, Stage.BUILDING, Stage.PACKING, 2_000)
    assert await stores.deployments.get(row.id) == row
    assert len(await stores.deployments.journal(row.id)) == 1


async def test_of_many_movers_exactly_one_wins_and_is_journaled(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)

    async def won() -> bool:
        try:
            await stores.deployments.move(row.id, Stage.QUEUED, Stage.FETCHING, 2_000)
        except StateConflict:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(won()) for _ in range(10)]
    assert [task.result() for task in tries].count(True) == 1
    assert len(await stores.deployments.journal(row.id)) == 2


async def test_only_the_first_outcome_counts(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    assert await stores.deployments.end(row.id, Outcome.CANCELLED, "by hand", 3_000) is True
    assert await stores.deployments.end(row.id, Outcome.FAILED, "too late", 4_000) is False
    ended = await stores.deployments.get(row.id)
    assert (ended.stage, ended.outcome, ended.reason, ended.ended_ms) == (
        Stage.ENDED,
        Outcome.CANCELLED,
        "by hand",
        3_000,
    )
    assert [entry.stage for entry in await stores.deployments.journal(row.id)] == [Stage.QUEUED, Stage.ENDED]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_only_what_was_live_can_be_reverted(stores: Stores, outcome: Outcome) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    assert await stores.deployments.revert(row.id, "too early") is False
    await stores.deployments.end(row.id, outcome, "so far", 3_000)
    was_live = outcome in (Outcome.LIVE, Outcome.CANARY)
    assert await stores.deployments.revert(row.id, "it failed") is was_live
    assert await stores.deployments.revert(row.id, "again") is False
    after = await stores.deployments.get(row.id)
    expected = (Outcome.REVERTED, "it failed", 3_000) if was_live else (outcome, "so far", 3_000)
    assert (after.outcome, after.reason, after.ended_ms) == expected


async def test_an_ended_deployment_cannot_be_moved(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    await stores.deployments.end(row.id, Outcome.SUPERSEDED, None, 3_000)
    with pytest.raises(StateConflict):
        await stores.deployments.move(row.id, Stage.QUEUED, Stage.FETCHING, 4_000)


async def test_notes_are_kept(stores: Stores) -> None:
    row = a_deployment()
    await stores.deployments.add(row)
    await stores.deployments.note_commit(row.id, "0123abc", "Ünïcode … message")
    await stores.deployments.note_release(row.id, 3)
    await stores.deployments.note_switch(row.id, SwitchReport(served_by_new=2))
    noted = await stores.deployments.get(row.id)
    assert (noted.commit, noted.commit_message) == ("0123abc", "Ünïcode … message")
    assert (noted.release, noted.switch) == (3, SwitchReport(served_by_new=2))


async def test_unfinished_ones_come_oldest_first_of_all_apps(stores: Stores) -> None:
    rows = [a_deployment(3), a_deployment(1, app=BLOG), a_deployment(2)]
    for row in rows:
        await stores.deployments.add(row)
    await stores.deployments.end(rows[0].id, Outcome.LIVE, None, 2_000)
    assert await stores.deployments.unfinished() == rows[1:]
    assert await stores.deployments.unfinished(SHOP) == [rows[2]]


async def test_the_latest_of_each_app_is_the_one_that_was_added_last(stores: Stores) -> None:
    assert await stores.deployments.latest() == {}
    rows = [a_deployment(3), a_deployment(2), a_deployment(1, app=BLOG)]
    for row in rows:
        await stores.deployments.add(row)
    assert await stores.deployments.latest() == {SHOP: rows[1], BLOG: rows[2]}


async def test_those_of_an_app_come_newest_first_up_to_the_limit(stores: Stores) -> None:
    rows = [a_deployment(number) for number in (3, 1, 2)]
    for row in [*rows, a_deployment(9, app=BLOG)]:
        await stores.deployments.add(row)
    assert await stores.deployments.of_app(SHOP, 2) == [rows[2], rows[1]]


async def test_trimming_keeps_the_newest_the_unfinished_and_those_of_kept_releases(stores: Stores) -> None:
    kept = await stores.releases.add(SHOP, "a" * 64, "c" * 40, "Kept", PLAN, 0, 1)
    rows = [a_deployment(1), a_deployment(2), a_deployment(3, release=kept.number), a_deployment(4, release=99)]
    newest = [a_deployment(5), a_deployment(6)]
    for row in [*rows, a_deployment(7, app=BLOG), *newest]:
        await stores.deployments.add(row)
    for ended in [*rows[1:], newest[0]]:
        await stores.deployments.end(ended.id, Outcome.FAILED, None, 2_000)
    await stores.deployments.trim(SHOP, 2)
    assert [one.id for one in await stores.deployments.of_app(SHOP, 10)] == ["dep-6", "dep-5", "dep-3", "dep-1"]
    assert len(await stores.deployments.of_app(BLOG, 10)) == 1
    assert await stores.deployments.journal(rows[1].id) == []
    await stores.deployments.trim(SHOP, 10)
    assert len(await stores.deployments.of_app(SHOP, 10)) == 4


async def test_the_journals_of_the_newest_that_went_live_can_be_learnt_from(stores: Stores) -> None:
    for number, outcome in enumerate((Outcome.LIVE, Outcome.FAILED, Outcome.CANARY, Outcome.LIVE)):
        row = a_deployment(number, requested_ms=number)
        await stores.deployments.add(row)
        await stores.deployments.end(row.id, outcome, None, 10 + number)
    other = a_deployment(9, app=BLOG)
    await stores.deployments.add(other)
    await stores.deployments.end(other.id, Outcome.LIVE, None, 99)
    found = await stores.deployments.latest_journals(SHOP, 2, a_deployment(3).id)
    assert sorted(journal[-1].entered_ms for journal in found) == [10, 12]
    assert {journal[0].stage for journal in found} == {Stage.QUEUED}
