"""The bot says what serves and what failed in the words of the command line."""

import msgspec

from actors.bot.overview import AppLine, AppView, Overview, app_post, apps_post
from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.route import Route, parse_address
from deployd.settings.declared import Owner

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
    line = AppLine(app=app, route=route, latest=deployments[0])
    return AppView(line=line, deployments=deployments, instances=(), urls=())


def test_a_failure_does_not_hide_what_serves_nor_the_other_way_round() -> None:
    view = a_view(a_deployment(4, Outcome.FAILED), a_deployment(3, Outcome.LIVE), a_deployment(2, Outcome.LIVE))
    assert apps_post(Overview(apps=(view.line,))).text == "<b>shop</b>: serving v3; the last deployment failed"
    *_, failed, live, former = app_post(view).text.splitlines()
    assert [line.split("  ")[1] for line in (failed, live, former)] == ["v4 failed", "v3 live", "v2 replaced"]


def test_a_deployment_that_runs_is_told_with_its_stage() -> None:
    view = a_view(a_deployment(4, None, Stage.BUILDING))
    assert apps_post(Overview(apps=(view.line,))).text == "<b>shop</b>: serving v3; a deployment is building"


def test_a_paused_app_is_told_as_such() -> None:
    line = msgspec.structs.replace(a_view(a_deployment(3, Outcome.LIVE)).line, paused=True)
    assert apps_post(Overview(apps=(line,))).text == "⏸ <b>shop</b>: paused (serving v3)"


def test_who_owns_the_settings_and_what_differs_is_told() -> None:
    view = a_view(a_deployment(3, Outcome.LIVE))
    owned = msgspec.structs.replace(view, owner=Owner.FILE, drift=("`branch` is <x>.",))
    assert app_post(owned).text.splitlines()[1:3] == [
        "Its settings are those of deployd.toml.",
        "⚠️ Drift: `branch` is &lt;x&gt;.",
    ]
    assert "deployd.toml" not in app_post(view).text


def test_apps_that_cannot_be_read_come_first_and_all_are_counted() -> None:
    line = a_view(a_deployment(3, Outcome.LIVE)).line
    broken = {f"app{number}": "it is damaged." for number in range(7)}
    first, *_, shop, more = apps_post(Overview(apps=(line,), broken=broken)).text.splitlines()
    assert (first, shop, more) == (
        "⚠️ <b>app0</b> is broken: it is damaged.",
        "<b>shop</b>: serving v3",
        "and 2 more",
    )
