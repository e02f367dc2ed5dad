"""The words of `apps`, `status`, the bot and the API."""

import pytest

from deployd.domain.app import App, AppSettings
from deployd.domain.app_state import (
    DEPLOYMENT_MEANINGS,
    MEANINGS,
    AppState,
    DeploymentState,
    last_words,
    serving_of,
    state_of,
    traffic_of,
)
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.edge import Canary
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.route import CanaryRoute, Route, StaticSite, parse_address

ONE, TWO = DeploymentId("dep-1"), DeploymentId("dep-2")
TARGET = (parse_address("127.0.0.1:1"),)


def an_app(*, stopped: bool = False, maintenance: str | None = None, upstream: str = "") -> App:
    settings = AppSettings(upstream=upstream) if upstream else AppSettings(repo="https://example.com/a.git")
    return App(name=AppName("shop"), settings=settings, created_ms=0, stopped=stopped, maintenance=maintenance)


def a_route(**facts: object) -> Route:
    given: dict[str, object] = {"app": "shop", "hosts": (), "release": 3, "deployment": ONE, "targets": TARGET, **facts}
    return Route(**given)  # type: ignore[arg-type]


def a_deployment(outcome: Outcome | None, release: int | None = 4, stage: Stage = Stage.ENDED) -> Deployment:
    return Deployment(
        id=ONE, app=AppName("shop"), trigger=Trigger.CLI, by="x", stage=stage, requested_ms=0, outcome=outcome,
        release=release,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("app", "route", "state", "words"),
    [
        (an_app(), None, AppState.EMPTY, "nothing deployed yet"),
        (an_app(), a_route(), AppState.SERVING, "serving v3"),
        (an_app(), a_route(targets=(), site=StaticSite(root="/x")), AppState.SERVING, "serving v3"),
        (an_app(), a_route(targets=(), closed_because="It crashed."), AppState.DOWN, "down (v3): It crashed"),
        (an_app(stopped=True), a_route(targets=()), AppState.STOPPED, "stopped"),
        (an_app(maintenance="Soon."), a_route(), AppState.MAINTENANCE, "in maintenance (serving v3)"),
        (an_app(upstream="h:1"), None, AppState.ROUTING, "routing to h:1"),
        (
            an_app(),
            a_route(canary=CanaryRoute(canary=Canary(release=4, percent=5), deployment=TWO)),
            AppState.SERVING,
            "serving v3, v4 is a canary for 5 % of the visitors",
        ),
    ],
)
def test_what_visitors_get(app: App, route: Route | None, state: AppState, words: str) -> None:
    serving = serving_of(app, route)
    assert (serving.state, serving.words) == (state, words)


def test_a_pause_is_shown_with_what_waits_behind_it() -> None:
    serving = serving_of(an_app(), a_route(), paused=True)
    assert (serving.state, serving.words) == (AppState.PAUSED, "paused (serving v3)")


@pytest.mark.parametrize(
    ("outcome", "serving", "canary", "state"),
    [
        (None, None, None, DeploymentState.RUNNING),
        (Outcome.LIVE, ONE, None, DeploymentState.LIVE),
        (Outcome.LIVE, TWO, None, DeploymentState.REPLACED),
        (Outcome.LIVE, None, None, DeploymentState.REPLACED),
        (Outcome.CANARY, TWO, ONE, DeploymentState.CANARY),
        (Outcome.CANARY, ONE, None, DeploymentState.REPLACED),
        (Outcome.FAILED, ONE, ONE, DeploymentState.FAILED),
    ],
)
def test_live_is_only_what_has_the_traffic(
    outcome: Outcome | None, serving: DeploymentId | None, canary: DeploymentId | None, state: DeploymentState
) -> None:
    assert state_of(a_deployment(outcome), serving, canary) == state


def test_nothing_of_a_stopped_app_is_live() -> None:
    assert traffic_of(an_app(), a_route()) == (ONE, None)
    assert traffic_of(an_app(stopped=True), a_route()) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "state", "release", "words"),
    [
        (Outcome.FAILED, DeploymentState.FAILED, 4, "failed 2 min ago (v4 never went live)"),
        (Outcome.FAILED, DeploymentState.FAILED, None, "failed 2 min ago"),
        (Outcome.REVERTED, DeploymentState.REVERTED, 4, "reverted 2 min ago (v4 lost the traffic again)"),
        (Outcome.LIVE, DeploymentState.REPLACED, 4, "went live 2 min ago"),
    ],
)
def test_what_was_tried_last(outcome: Outcome, state: DeploymentState, release: int | None, words: str) -> None:
    assert last_words(a_deployment(outcome, release), state, "2 min ago") == words
    assert last_words(None, None, "") == ""


def test_each_outcome_has_a_state_and_each_state_its_meaning() -> None:
    assert {state_of(a_deployment(outcome), ONE, ONE) for outcome in (None, *Outcome)} == set(DeploymentState) - {
        DeploymentState.REPLACED
    }
    assert (set(MEANINGS), set(DEPLOYMENT_MEANINGS)) == (set(AppState), set(DeploymentState))
