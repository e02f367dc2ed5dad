"""What the REST API answers, over a real unix socket."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from deployd.domain.deployment import Outcome, Stage, Trigger
from deployd.domain.log_line import Level
from deployd.domain.secret import Secret
from deployd.messages.deploy import PutApp, RequestDeployment, RestartApp, RollBack
from tests.web.bench import Bench, Client

APPS = "/api/v1/apps"
SHOP = {"name": "shop", "repo": "https://example.com/shop.git"}


async def test_a_created_app_is_answered_with_its_address_and_shown_there(owner: Client) -> None:
    made = await owner("POST", APPS, SHOP)
    assert made.status == 201
    assert made.response.headers["Location"] == "/api/v1/apps/shop"
    shown = await owner("GET", made.response.headers["Location"])
    assert shown.body == made.body
    assert shown.body["urls"] == ["http://shop.test/"]
    assert (await owner("GET", APPS)).body["apps"] == [shown.body]


async def test_an_existing_name_is_refused_with_a_sentence(owner: Client) -> None:
    await owner("POST", APPS, SHOP)
    again = await owner("POST", APPS, SHOP)
    assert again.status == 400
    assert again.body["detail"] == "There is an app 'shop' already."
    assert again.response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "shop", "repo": 7}, "Expected `str | null`, got `int` - at `$.repo`"),
        ({"name": "shop", "reppo": "x"}, "unknown field `reppo`: did you mean `repo`?"),
        (
            {"name": "shop", "limits": {"memory": 1}},
            "unknown field `memory` - at `$.limits`: did you mean `memory_mb`?",
        ),
        ({"name": "shop", "nonsense": "x"}, "unknown field `nonsense`."),
        ({"repo": "x"}, "missing required field `name`"),
        ([], "Expected `object`, got `array`"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_place_of_the_mistake(owner: Client, body: Any, words: str) -> None:
    refused = await owner("POST", APPS, body)
    assert refused.status == 400
    assert words in refused.body["detail"]
    assert (await owner("GET", APPS)).body["apps"] == []


async def test_a_body_that_is_not_declared_as_json_is_refused(owner: Client, bench: Bench) -> None:
    refused = await owner("POST", APPS, SHOP, Content_Type="text/plain")
    assert refused.status == 415
    assert bench.orders == []


async def test_a_body_over_one_mebibyte_is_refused(owner: Client) -> None:
    refused = await owner("POST", APPS, {"name": "x" * 1_100_000})
    assert refused.status == 413
    assert refused.body["title"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase  # Python 3.13 calls it otherwise


async def test_a_patch_keeps_what_it_does_not_name_and_null_puts_the_default_back(owner: Client) -> None:
    await owner("POST", APPS, SHOP | {"branch": "main", "domains": ["a.example.com"]})
    changed = await owner("PATCH", f"{APPS}/shop", {"branch": None, "health": "/up"})
    settings = changed.body["settings"]
    assert (settings["branch"], settings["domains"], settings["health"]) == (None, ["a.example.com"], "/up")
    assert settings["repo"] == SHOP["repo"]


async def test_credentials_in_a_repo_url_are_not_shown_and_survive_a_patch(owner: Client, bench: Bench) -> None:
    await owner("POST", APPS, SHOP | {"repo": "https://me:hunter22@example.com/shop.git"})
    changed = await owner("PATCH", f"{APPS}/shop", {"branch": "main"})
    assert changed.body["settings"]["repo"] == "https://[redacted]@example.com/shop.git"
    kept = await bench.stores.apps.get("shop")
    assert (kept.settings.repo, kept.login) == ("https://example.com/shop.git", Secret("me:hunter22"))
    elsewhere = await owner("PATCH", f"{APPS}/shop", {"repo": "https://example.net/shop.git"})
    assert elsewhere.body["settings"]["repo"] == "https://example.net/shop.git"
    assert (await bench.stores.apps.get("shop")).login is None
    echoed = await owner("PATCH", f"{APPS}/shop", {"repo": changed.body["settings"]["repo"]})
    assert echoed.status == 400


async def test_a_repo_url_that_cannot_be_read_is_refused_without_its_credentials(owner: Client, bench: Bench) -> None:
    refused = await owner("POST", APPS, {"name": "shop", "repo": "https://u:hunter22@[bad/x"})
    assert (refused.status, "hunter22" in str(refused.body)) == (400, False)
    assert await bench.stores.apps.all() == []


async def test_a_tool_that_nobody_knows_is_refused_with_the_one_that_was_meant(owner: Client, bench: Bench) -> None:
    app = await bench.add_app()
    refused = await owner("PATCH", f"{APPS}/shop", {"build": {"tools": {"nod": "20"}}})
    assert (refused.status, "did you mean `node`?" in refused.body["detail"]) == (400, True)
    assert await bench.stores.apps.get("shop") == app


async def test_a_patch_changes_tables_key_by_key(owner: Client) -> None:
    await owner("POST", APPS, SHOP | {"limits": {"memory_mb": 256, "pids": 9}, "processes": {"web": 2, "worker": 1}})
    patch = {"limits": {"pids": None, "cpus": 2}, "processes": {"worker": None, "clock": 0}}
    settings = (await owner("PATCH", f"{APPS}/shop", patch)).body["settings"]
    assert (settings["limits"]["memory_mb"], settings["limits"]["cpus"], settings["limits"]["pids"]) == (256, 2, 512)
    assert settings["processes"] == {"web": 2, "clock": 0}


async def test_what_is_not_there_is_a_404_problem(owner: Client) -> None:
    for method, path in (
        ("GET", f"{APPS}/ghost"),
        ("DELETE", f"{APPS}/ghost"),
        ("GET", f"{APPS}/ghost/logs"),
        ("GET", f"{APPS}/ghost/releases"),
        ("GET", "/api/v1/deployments/dep-0"),
        ("GET", "/nowhere"),
    ):
        answer = await owner(method, path)
        assert (answer.status, answer.body["status"]) == (404, 404), path


async def test_a_method_that_does_not_fit_is_a_405_that_lists_those_that_do(owner: Client) -> None:
    answer = await owner("PUT", APPS)
    assert answer.status == 405
    assert set(answer.response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_deploy_rollback_and_restart_reach_the_actor_and_are_accepted(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployed = await owner("POST", f"{APPS}/shop/deployments", {"ref": "v1"})
    rolled = await owner("POST", f"{APPS}/shop/rollback", {"release": 3})
    restarted = await owner("POST", f"{APPS}/shop/restart")
    assert [deployed.status, rolled.status, restarted.status] == [202, 202, 202]
    assert deployed.response.headers["Location"] == f"/api/v1/deployments/{deployed.body['id']}"
    assert bench.orders[1:] == [
        RequestDeployment(app="shop", trigger=Trigger.CLI, by="cli", ref="v1"),
        RollBack(app="shop", trigger=Trigger.CLI, by="cli", release=3),
        RestartApp(app="shop", trigger=Trigger.CLI, by="cli"),
    ]


async def test_a_ref_that_git_would_take_for_an_option_is_refused(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    assert (await owner("POST", f"{APPS}/shop/deployments", {"ref": "--upload-pack=x"})).status == 400


async def test_a_deployment_shows_its_stages_and_why_it_ended(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    await bench.move(deployment.id, Stage.QUEUED, Stage.FETCHING)
    await bench.end(deployment.id, Outcome.FAILED, "no such repository")
    shown = (await owner("GET", f"/api/v1/deployments/{deployment.id}")).body
    assert (shown["stage"], shown["outcome"], shown["reason"]) == ("ended", "failed", "no such repository")
    assert list(shown["stage_seconds"]) == ["queued", "fetching"]
    listed = (await owner("GET", f"{APPS}/shop/deployments")).body["deployments"]
    assert [each["id"] for each in listed] == [deployment.id]


async def test_a_long_poll_is_answered_when_the_deployment_moves(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    async with asyncio.TaskGroup() as group:
        polled = group.create_task(owner("GET", f"/api/v1/deployments/{deployment.id}?wait=30&after=queued"))
        await bench.subscribed.wait()
        assert not polled.done()
        await bench.move(deployment.id, Stage.QUEUED, Stage.FETCHING)
    assert polled.result().body["stage"] == "fetching"


async def test_a_long_poll_without_a_stage_waits_for_the_end(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    async with asyncio.TaskGroup() as group:
        polled = group.create_task(owner("GET", f"/api/v1/deployments/{deployment.id}?wait=30"))
        await bench.subscribed.wait()
        await bench.move(deployment.id, Stage.QUEUED, Stage.FETCHING)
        await bench.end(deployment.id, Outcome.LIVE)
    assert polled.result().body["outcome"] == "live"
    assert polled.result().body["switch"]["served_by_new"] == 3


async def test_a_long_poll_that_sees_nothing_answers_at_its_deadline(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    polled = await owner("GET", f"/api/v1/deployments/{deployment.id}?wait=0.05&after=queued")
    assert polled.body["stage"] == "queued"
    too_long = await owner("GET", f"/api/v1/deployments/{deployment.id}?wait=3600")
    assert "at `$.wait`" in too_long.body["detail"]


async def test_cancelling_what_has_ended_is_a_conflict(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    path = f"/api/v1/deployments/{deployment.id}/cancel"
    assert (await owner("POST", path)).body["outcome"] == "cancelled"
    assert (await owner("POST", path)).status == 409


async def test_secret_values_go_in_and_never_come_out(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    patch = {"KEY": "s3cr3t-value", "MODE": {"value": "fast", "secret": False}, "OLD": "x"}
    first = await owner("PATCH", f"{APPS}/shop/env", patch)
    assert first.body["values"]["KEY"] == {"value": None, "secret": True}
    assert first.body["values"]["MODE"] == {"value": "fast", "secret": False}
    await owner("PATCH", f"{APPS}/shop/env", {"OLD": None})
    shown = await owner("GET", f"{APPS}/shop/env")
    assert list(shown.body["values"]) == ["KEY", "MODE"]
    assert (await bench.stores.envs.read((await bench.stores.apps.get("shop")).name)).plain()["KEY"] == "s3cr3t-value"


async def test_an_env_name_that_no_process_can_have_is_refused(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    refused = await owner("PATCH", f"{APPS}/shop/env", {"PORT": "80"})
    assert refused.body["detail"] == "PORT is chosen by deployd for each instance and cannot be set."


async def test_stored_lines_are_given_by_level_and_position(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    await bench.say("one")
    await bench.say("two", level=Level.ERROR)
    await bench.say("three")
    path = f"{APPS}/shop/logs"
    assert [line["text"] for line in (await owner("GET", f"{path}?level=error")).body["lines"]] == ["two"]
    assert [line["text"] for line in (await owner("GET", f"{path}?limit=2")).body["lines"]] == ["two", "three"]
    assert [line["text"] for line in (await owner("GET", f"{path}?after=1&limit=1")).body["lines"]] == ["two"]
    assert (await owner("GET", "/api/v1/logs")).body["lines"][0]["text"] == "one"
    assert (await owner("GET", "/api/v1/logs?after=1")).status == 400
    assert (await owner("GET", f"{path}?limit=many")).status == 400


async def test_the_lines_of_a_deployment_are_told_from_those_of_one_that_there_is_not(
    owner: Client, bench: Bench
) -> None:
    await bench.add_app()
    await bench.add_app("blog")
    known = (await bench.add_deployment()).id
    await bench.say("of one that is forgotten by now", deployment="dep-old")
    for path, deployment in (
        (APPS + "/shop/logs", "dep-nope"),
        ("/api/v1/logs", "dep-nope"),
        (APPS + "/blog/logs", known),
    ):
        refused = await owner("GET", f"{path}?deployment={deployment}")
        assert (refused.status, refused.body["detail"]) == (404, f"There is no deployment {deployment!r}.")
    assert (await owner("GET", f"{APPS}/shop/logs?deployment={known}")).body["lines"] == []
    assert len((await owner("GET", f"{APPS}/shop/logs?deployment=dep-old")).body["lines"]) == 1


async def test_an_actor_that_is_not_running_is_a_503_to_try_again(owner: Client, bench: Bench) -> None:
    bench.desk.deploy.mailbox.close()
    answer = await owner("POST", APPS, SHOP)
    assert (answer.status, answer.response.headers["Retry-After"]) == (503, "2")
    assert answer.body["type"] == "urn:deployd:problem:not-running"


async def test_readiness_says_what_is_wrong_and_liveness_does_not_care(owner: Client, bench: Bench) -> None:
    assert (await owner("GET", "/readyz")).body == {"ready": True, "problems": [], "warnings": []}
    bench.problems.append("The disk is full.")
    broken = await owner("GET", "/readyz")
    assert (broken.status, broken.body["problems"]) == (503, ["The disk is full."])
    assert (await owner("GET", "/livez")).status == 200
    assert (await owner("GET", "/api/v1/status")).body["ready"] is False


async def test_metrics_show_the_vitals(owner: Client) -> None:
    text = (await owner("GET", "/metrics")).body
    assert 'deployd_info{version="9.9.9"} 1.0' in text
    assert 'deployd_deployments_total{outcome="live"} 7.0' in text
    assert "deployd_proxy_requests_total 12.0" in text
    assert "deployd_proxy_connections 3.0" in text
    assert "deployd_log_lines_total 5.0" in text
    assert "deployd_log_viewers 2.0" in text


async def test_events_are_listed_newest_first(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    await bench.move(deployment.id, Stage.QUEUED, Stage.FETCHING)
    await bench.end(deployment.id, Outcome.LIVE)
    listed = (await owner("GET", "/api/v1/events?app=shop")).body["events"]
    assert [each["type"] for each in listed] == ["deployment.ended", "deployment.moved"]


async def test_a_removed_app_is_gone(owner: Client, bench: Bench) -> None:
    await bench.add_app()
    assert (await owner("DELETE", f"{APPS}/shop")).status == 204
    assert (await owner("GET", f"{APPS}/shop")).status == 404
    assert isinstance(bench.orders[0], PutApp)
