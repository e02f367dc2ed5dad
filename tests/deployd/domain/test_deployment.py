"""What the journal of a deployment says."""

import pytest

from deployd.domain.deployment import Deployment, Stage, StageEntry, SwitchReport, Trigger, stage_seconds, usual_seconds
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


def test_the_usual_time_of_a_stage_is_the_median() -> None:
    def journal(*seconds: int) -> list[StageEntry]:
        times = [0, *(sum(seconds[: n + 1]) * 1000 for n in range(len(seconds)))]
        stages = (Stage.QUEUED, Stage.BUILDING, Stage.ENDED)
        return [StageEntry(stage=stage, entered_ms=at) for stage, at in zip(stages, times, strict=True)]

    assert usual_seconds([journal(0, 10), journal(1, 14), journal(2, 300)]) == {Stage.QUEUED: 1, Stage.BUILDING: 14}
    assert usual_seconds([]) == {}


def test_a_switch_without_a_request_does_not_count_any() -> None:
    assert str(SwitchReport(drain_seconds=0.01)) == "Switched; no request came meanwhile, drained in 0.01 s."
