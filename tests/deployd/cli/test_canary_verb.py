"""The canary as it is typed, and the order that comes of it."""

import pytest

from deployd.domain.deployment import Outcome, Trigger
from deployd.domain.edge import Canary, CanaryRule
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.route import CanaryRoute, Route, parse_address
from deployd.messages.deploy import AbortCanary, BeginCanary, PromoteCanary, RequestDeployment
from deployd.proxy.proxy import Proxy
from tests.deployd.cli.conftest import Run
from tests.web.bench import Bench

SHOP = AppName("shop")


@pytest.mark.parametrize(
    ("argv", "order"),
    [
        (["5%"], BeginCanary(app="shop", by="cli", rule=CanaryRule(percent=5))),
        (["12.5", "--release", "v3"], BeginCanary(app="shop", by="cli", rule=CanaryRule(percent=12.5), release=3)),
        (["--header", "X-Canary: 1"], BeginCanary(app="shop", by="cli", rule=CanaryRule(header="X-Canary: 1"))),
        (
            ["1%", "--allow", "10.0.0.0/8", "--allow", "::1"],
            BeginCanary(app="shop", by="cli", rule=CanaryRule(percent=1, allow=("10.0.0.0/8", "::1"))),
        ),
        (
            ["5%", "--ref", "next"],
            RequestDeployment(app="shop", trigger=Trigger.CLI, by="cli", ref="next", canary=CanaryRule(percent=5)),
        ),
        (["promote"], PromoteCanary(app="shop", by="cli")),
    ],
)
async def test_a_canary_is_ordered(run: Run, bench: Bench, argv: list[str], order: object) -> None:
    await bench.add_app()
    said = await run("canary", "shop", *argv, "--no-wait")
    assert said.code == 0, said.err
    assert said.out.startswith("Accepted as dep-")
    assert bench.orders[-1] == order


async def test_a_deployment_may_end_as_a_canary(run: Run, bench: Bench) -> None:
    await bench.add_app()
    await run("deploy", "shop", "--canary", "5%", "--no-wait")
    order = RequestDeployment(app="shop", trigger=Trigger.CLI, by="cli", canary=CanaryRule(percent=5))
    assert bench.orders[-1] == order


async def test_a_canary_is_aborted(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert (await run("canary", "shop", "abort")).out == (
        "The canary of shop is gone; everybody gets the live release.\n"
    )
    assert bench.orders[-1] == AbortCanary(app="shop", by="cli")


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["soon"], "percentage"),
        (["0%"], "percentage"),
        (["101%"], "percentage"),
        (["nan"], "percentage"),
        (["promote", "--header", "A: b"], "takes no options"),
        (["abort", "--release", "3"], "takes no options"),
        (["5%", "--release", "3", "--ref", "main"], "one of"),
        (["5%", "--release", "three"], "release"),
    ],
)
async def test_what_makes_no_sense_is_wrong_usage(run: Run, bench: Bench, argv: list[str], word: str) -> None:
    await bench.add_app()
    refused = await run("canary", "shop", *argv, "--no-wait")
    assert refused.code == 2
    assert word in refused.err
    assert len(bench.orders) == 1


async def test_how_it_does_is_shown_for_both_releases(run: Run, bench: Bench, proxy: Proxy) -> None:
    await bench.add_app()
    assert (await run("canary", "shop")).err == "App 'shop' has no canary; begin one with: deployd canary shop 5%\n"
    canary = CanaryRoute(
        canary=Canary(release=3, percent=5, header="X-Canary: 1"), deployment=DeploymentId("dep-1"), targets=()
    )
    live = (parse_address("127.0.0.1:1"),)
    route = Route(app=SHOP, hosts=("shop.test",), release=2, canary=canary, targets=live)
    await bench.stores.routes.put(route)
    proxy.switch(route)
    said = (await run("canary", "shop")).out
    assert "the canary is for 5 % of the visitors, requests with X-Canary: 1" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["live", "v2", "0", "0", "(0", "%)", "-"] in rows
    assert ["canary", "v3", "0", "0", "(0", "%)", "-"] in rows
    assert "v3 is a canary for 5 % of the visitors" in (await run("status", "shop")).out
    assert "serving v2, v3 is a canary for 5 % of the visitors" in (await run("apps")).out
    shown = (await run("canary", "shop", "--json")).json
    assert (shown["live"]["release"], shown["canary"]["release"]) == (2, 3)


async def test_a_deployment_that_was_taken_back_is_shown_with_its_reason(run: Run, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    await bench.end(deployment.id, Outcome.LIVE)
    await bench.stores.deployments.revert(deployment.id, "It failed, so traffic went back to v1.")
    said = (await run("status", deployment.id)).out
    assert "reverted" in said
    assert "It failed, so traffic went back to v1." in said
    assert "Switched: 0 of 3 requests failed" in said
