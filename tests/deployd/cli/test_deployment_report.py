"""What is shown of a deployment's happenings, and what is left out."""

import io
from typing import Any

import pytest

from deployd.cli.deployment_report import DeploymentReport
from deployd.cli.failure import DeploymentFailed
from deployd.cli.screen import Screen
from deployd.cli.timeline import StagePassed, Underway
from deployd.domain.app import AppSettings
from deployd.domain.app_state import AppState, DeploymentState
from deployd.domain.deployment import Outcome, Stage, Trigger
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.log_line import Level, LogLine, Source
from web.views import AppView, DeploymentView


def line(text: str, source: Source = Source.APP, **facts: Any) -> LogLine:
    process = "web.1" if source is Source.APP else None
    return LogLine(seq=1, app=AppName("shop"), time_ms=0, source=source, text=text, process=process, **facts)


def an_app(serving: str = "serving v3") -> AppView:
    return AppView(
        name="shop", settings=AppSettings(repo="/x"), urls=("http://shop.test/",), state=AppState.SERVING,
        serving=serving, created_ms=0, stopped=False, maintenance=None, canary=None, release=3, closed_because=None,
        latest=None,
    )  # fmt: skip


def ended(outcome: Outcome, reason: str | None = None) -> DeploymentView:
    return DeploymentView(
        id=DeploymentId("dep-1"), app=AppName("shop"), trigger=Trigger.CLI, by="x", stage=Stage.ENDED, requested_ms=0,
        release=4, outcome=outcome, reason=reason, state=DeploymentState(outcome.value), journal=[], stage_seconds={},
        usual_seconds={},
    )  # fmt: skip


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(out: io.StringIO) -> DeploymentReport:
    return DeploymentReport(Screen(out))


def test_what_an_app_says_again_and_again_is_shown_once_and_counted(report: DeploymentReport, out: io.StringIO) -> None:
    for second in range(60):
        report.tell(line(f"[29/Nov/2026 02:25:{second:02}] code 503"))
        report.tell(line(f'[29/Nov/2026 02:25:{second:02}] "GET / HTTP/1.1" 503'))
    with pytest.raises(DeploymentFailed):
        report.end(ended(Outcome.FAILED, "Not healthy."), an_app())
    assert out.getvalue().splitlines() == [
        "  web.1 | [29/Nov/2026 02:25:00] code 503",
        '  web.1 | [29/Nov/2026 02:25:00] "GET / HTTP/1.1" 503',
        "  (118 lines like those above left out)",
    ]


def test_lines_of_a_build_are_all_shown(report: DeploymentReport, out: io.StringIO) -> None:
    for _ in range(3):
        report.tell(line("ok", Source.BUILD))
    assert out.getvalue() == "  ok\n" * 3


def test_what_the_result_says_is_not_said_by_a_line_and_details_are_for_the_log(
    report: DeploymentReport, out: io.StringIO
) -> None:
    for text in ("Switched: 0 of 1 requests failed (…).", "Switched; no request came.", "Deployment live."):
        report.tell(line(text, Source.DEPLOYD))
    report.tell(line("Deployment failed: No.", Source.DEPLOYD, level=Level.ERROR))
    report.tell(line("Tools: node", Source.BUILD, level=Level.DEBUG))
    report.tell(line("Deployment failed: says the app", Source.BUILD))
    assert out.getvalue() == "  Deployment failed: says the app\n"


def test_stages_of_a_moment_are_left_out_unless_they_are_the_reason(report: DeploymentReport, out: io.StringIO) -> None:
    for stage, spent, failed in (
        (Stage.QUEUED, 0.1, False),
        (Stage.DETECTING, 3.0, False),
        (Stage.BUILDING, 0.2, False),
        (Stage.PACKING, 0.1, True),
    ):
        report.tell(StagePassed(stage=stage, seconds=spent, usual_seconds=0.1, failed=failed))
    assert out.getvalue().splitlines() == ["✓ detecting 3.0 s (usually 0.1 s)", "✓ building 0.2 s", "✗ packing 0.1 s"]


def test_a_long_silence_in_a_log_of_ci_is_broken_twice_a_minute(report: DeploymentReport, out: io.StringIO) -> None:
    for tenth in range(650):
        report.tell(Underway(stage=Stage.BUILDING, seconds=tenth / 10, usual_seconds=50.0))
    assert out.getvalue().splitlines() == [
        "  building, 30.0 s so far (usually 50.0 s)",
        "  building, 1 min 0 s so far (usually 50.0 s)",
    ]


def test_a_terminal_shows_the_running_stage_in_one_line_that_is_cut(out: io.StringIO) -> None:
    DeploymentReport(Screen(out, width=20, moves=True)).tell(
        Underway(stage=Stage.BUILDING, seconds=12, usual_seconds=14)
    )
    assert out.getvalue() == "\r\x1b[2K⠙ building 12.0 s ("


def test_a_failure_says_what_visitors_get_and_the_last_lines_that_are_not_above(out: io.StringIO) -> None:
    report = DeploymentReport(Screen(out), quiet=True)
    for text in "abcdefghijkl":
        report.tell(line(text, Source.BUILD))
    with pytest.raises(DeploymentFailed) as failed:
        report.end(ended(Outcome.CANCELLED, "Cancelled."), an_app())
    assert str(failed.value).splitlines() == [
        "shop was not deployed (cancelled): Cancelled.",
        "The last lines before that:",
        *(f"  {text}" for text in "efghijkl"),
        "What visitors get has not changed: serving v3.",
        "All lines: deployd logs shop --deployment dep-1",
    ]
    assert out.getvalue() == ""
