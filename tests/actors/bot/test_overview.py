"""The bot says what serves and what failed in the words of the command line."""

from actors.bot.overview import AppView, app_post, apps_post
from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.route import Route, parse_address

SHOP = AppName("shop")


def a_deployment(number: int, outcome: Outcome | None, stage: Stage = Stage.ENDED) -> Deployment:
    return Deployment(
        id=DeploymentId(f"dep-{number}"), app=SHOP, trigger=Trigger.BOT, by="ann", stage=stage, requested_ms=0,
        outcome=outcome, release=number,
    )  # fmt: skip


def a_view(*deployments: Deployment) -> AppView:
    route = Route(
        app=SHOP, hosts=(), release=3, targets=(parse_address("127.0.0.1:1"),), deployment=DeploymentId("dep-3")
    )
    app = App(name=SHOP, settings=AppSettings(repo="/x"), created_ms=0)
    return AppView(app=app, route=route, deployments=deployments, instances=(), urls=())


def test_a_failure_does_not_hide_what_serves_nor_the_other_way_round() -> None:
    view = a_view(a_deployment(4, Outcome.FAILED), a_deployment(3, Outcome.LIVE), a_deployment(2, Outcome.LIVE))
    assert apps_post([view]).text == "<b>shop</b>: serving v3; the last deployment failed"
    *_, failed, live, former = app_post(view).text.splitlines()
    assert [line.split("  ")[1] for line in (failed, live, former)] == ["v4 failed", "v3 live", "v2 replaced"]


def test_a_deployment_that_runs_is_told_with_its_stage() -> None:
    view = a_view(a_deployment(4, None, Stage.BUILDING))
    assert apps_post([view]).text == "<b>shop</b>: serving v3; a deployment is building"
