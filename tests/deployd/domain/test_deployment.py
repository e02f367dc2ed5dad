"""What the journal of a deployment says."""

import pytest

from deployd.domain.deployment import Deployment, Stage, StageEntry, Trigger, stage_seconds
from deployd.domain.ids import AppName, DeploymentId


def entries(*pairs: tuple[Stage, int]) -> list[StageEntry]:
    return [StageEntry(stage=stage, entered_ms=entered_ms) for stage, entered_ms in pairs]


def test_each_stage_took_until_the_next_began() -> None:
    journal = entries((Stage.QUEUED, 1_000), (Stage.FETCHING, 1_250), (Stage.ENDED, 4_250))
    assert stage_seconds(journal, 99_000) == {Stage.QUEUED: 0.25, Stage.FETCHING: 3.0}


def test_the_running_stage_counts_up_to_now() -> None:
    journal = entries((Stage.QUEUED, 1_000), (Stage.FETCHING, 1_250))
    assert stage_seconds(journal, 2_250) == {Stage.QUEUED: 0.25, Stage.FETCHING: 1.0}


def test_an_empty_journal_has_no_durations() -> None:
    assert stage_seconds([], 5) == {}


@pytest.mark.parametrize(
    ("trigger", "builds"),
    [(trigger, trigger not in ("rollback", "restart", "canary", "promote")) for trigger in Trigger],
)
def test_what_takes_a_release_that_exists_builds_nothing(trigger: Trigger, builds: bool) -> None:
    deployment = Deployment(
        id=DeploymentId("dep-1"), app=AppName("shop"), trigger=trigger, by="tests", stage=Stage.QUEUED, requested_ms=1
    )
    assert (deployment.builds, deployment.ended) == (builds, False)
