"""Each verb against a real daemon socket: what a person reads, what a program reads, and the exit code."""

import asyncio
import getpass
import json
import re
from pathlib import Path

import pytest

from deployd.cli import host_checks
from deployd.config import AppConfig
from deployd.domain.app import AppSettings, Limits
from deployd.domain.deployment import Outcome, Stage
from deployd.domain.edge import EdgeSettings, Reuse
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.log_line import Level
from deployd.domain.route import Route, parse_address
from deployd.messages.deploy import RequestDeployment, RollBack, StopApp
from tests.deployd.cli.conftest import Ran, Run, run_here
from tests.web.bench import Bench

REPO = "https://example.com/shop.git"


async def test_an_app_is_created_listed_and_removed(run: Run) -> None:
    created = await run("create", "shop", "--repo", REPO, "--domain", "a.test", "--domain", "b.test")
    assert created.code == 0
    assert "http://a.test/ http://b.test/" in created.out
    assert "shop" in (await run("apps")).out
    listed = (await run("apps", "--json")).json
    assert listed["apps"][0]["settings"]["domains"] == ["a.test", "b.test"]
    assert (await run("remove", "shop", "--yes")).out == "Removed shop.\n"
    assert (await run("apps", "--json")).json == {"apps": [], "broken": {}}


async def test_removing_asks_first_and_a_no_removes_nothing(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert (await run("remove", "shop", stdin="n\n")).code == 1
    assert (await run("remove", "shop", "--json")).code == 1
    assert [app.name for app in await bench.stores.apps.all()] == ["shop"]


async def test_a_refusal_is_one_sentence_on_stderr_and_exit_code_1(run: Run) -> None:
    refused = await run("create", "Shop", "--repo", REPO)
    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.startswith("App name 'Shop' is not usable")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["status", "ps", "stop", "restart", "deploy", "logs", "env", "rollback"])
async def test_an_unknown_app_is_refused_by_every_verb(verb: str, run: Run) -> None:
    refused = await run(verb, "ghost", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert "ghost" in refused.err


@pytest.mark.parametrize(
    "argv", [("deploy",), ("status", "--what"), ("logs", "shop", "-n", "-1"), ("rollback", "s", "x")]
)
async def test_wrong_usage_is_exit_code_2(argv: tuple[str, ...], run: Run) -> None:
    assert (await run(*argv)).code == 2


async def test_a_deployment_can_be_ordered_without_waiting(run: Run, bench: Bench) -> None:
    await bench.add_app()
    accepted = (await run("deploy", "shop", "--ref", "v2", "--no-wait", "--json")).json
    assert (accepted["stage"], accepted["trigger"]) == ("queued", "cli")
    assert isinstance(bench.orders[-1], RequestDeployment)
    assert bench.orders[-1].ref == "v2"


async def test_rollback_takes_a_release_as_it_is_shown(run: Run, bench: Bench) -> None:
    await bench.add_app()
    await run("rollback", "shop", "v3", "--no-wait")
    assert isinstance(bench.orders[-1], RollBack)
    assert bench.orders[-1].release == 3


async def test_a_deployment_is_cancelled_once(run: Run, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    assert (await run("cancel", deployment.id)).code == 0
    again = await run("cancel", deployment.id)
    assert (again.code, "ended already" in again.err) == (1, True)


async def test_stop_names_the_way_back(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert "deployd restart shop" in (await run("stop", "shop")).out
    assert bench.orders[-1] == StopApp(app="shop", by="cli")


async def test_status_shows_the_daemon_an_app_and_a_deployment(run: Run, bench: Bench) -> None:
    await bench.add_app()
    deployment = await bench.add_deployment()
    await bench.end(deployment.id, Outcome.FAILED, "no [such] repository")
    bench.problems.append("The disk is full.")
    daemon = await run("status")
    assert "deployd 9.9.9, not ready" in daemon.out
    assert "The disk is full." in daemon.out
    assert "no [such] repository" in (await run("status", "shop")).out
    assert "no [such] repository" in (await run("status", deployment.id)).out
    assert (await run("status", deployment.id, "--json")).json["outcome"] == "failed"
    assert (await run("status", "shop", "--json")).json["deployments"][0]["id"] == deployment.id
    assert (await run("status", "--json")).json["status"]["ready"] is False


async def test_a_problem_with_a_line_of_the_file_is_shown_with_the_line(run: Run, bench: Bench) -> None:
    bench.problems.append("deployd.toml:2:1: There is no table [sever].\n    2 | [sever]\n      |  ^^^^^")
    said = (await run("status")).out
    assert "! deployd.toml:2:1: There is no table [sever].\n    2 | [sever]\n      |  ^^^^^\n" in said


async def test_an_unknown_deployment_is_named_as_such(run: Run) -> None:
    assert "dep-0000000000000000" in (await run("status", "dep-0000000000000000")).err


async def test_stored_lines_are_shown_without_what_could_drive_the_terminal(run: Run, bench: Bench) -> None:
    await bench.add_app()
    await bench.say("\x1b[31mred\x1b[0m [bold]not markup[/bold] ")
    await bench.say("bell \x07 and \x9b2J")
    await bench.say("second", level=Level.ERROR)
    shown = await run("logs", "shop")
    assert "red [bold]not markup[/bold]" in shown.out
    assert "bell \ufffd and \ufffd2J" in shown.out
    assert "\x1b" not in shown.out
    assert "\x07" not in shown.out
    assert "second" in (await run("logs", "shop", "-n", "1")).out
    assert (await run("logs", "shop", "--level", "error", "--json")).json["text"] == "second"
    assert (await run("logs", "shop", "-n", "0")).out == ""


async def test_secrets_are_set_from_stdin_and_not_shown(run: Run, bench: Bench) -> None:
    app = await bench.add_app()
    assert (await run("env", "set", "shop", "KEY", stdin="s3cr3t=value\n")).code == 0
    assert (await run("env", "shop", "set", "MODE=fast", "--plain")).code == 0
    shown = await run("env", "shop")
    assert "s3cr3t" not in shown.out
    assert "fast" in shown.out
    assert "(secret)" in shown.out
    assert (await bench.stores.envs.read(app.name)).plain() == {"KEY": "s3cr3t=value", "MODE": "fast"}
    assert (await run("env", "unset", "shop", "KEY")).code == 0
    assert list((await run("env", "list", "shop", "--json")).json["values"]) == ["MODE"]


async def test_only_one_value_can_come_from_stdin(run: Run, bench: Bench) -> None:
    await bench.add_app()
    refused = await run("env", "set", "shop", "A", "B=-", stdin="x")
    assert (refused.code, "A, B" in refused.err) == (1, True)


async def test_a_token_is_made_listed_and_revoked(run: Run, bench: Bench) -> None:
    token = (await run("token", "create", "ci")).out.strip()
    assert await bench.stores.tokens.verify(token, 1) == "ci"
    assert "ci" in (await run("token", "list")).out
    assert (await run("token", "revoke", "ci")).code == 0
    assert (await run("token", "revoke", "ci")).code == 1
    assert await bench.stores.tokens.verify(token, 1) is None


async def test_ps_lists_nothing_for_an_app_that_does_not_run(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert (await run("ps", "shop", "--json")).json == {"instances": []}
    assert (await run("ps", "shop")).out == "No instance of shop runs.\n"
    assert (await run("ps")).out == "No instance runs.\n"


async def test_doctor_sees_the_daemon(run: Run) -> None:
    checks = {each["name"]: each for each in (await run("doctor", "--json")).json["checks"]}
    assert checks["daemon"]["found"] == "deployd 9.9.9 answers"
    assert checks["git"]["ok"]
    assert checks["disk"]["name"] == "disk"
    assert "sandbox" not in checks  # What the daemon may do, this process does not know.


async def test_doctor_says_what_the_daemon_misses(run: Run, bench: Bench) -> None:
    bench.problems.append("Limits of apps do not hold.")
    said = await run("doctor")
    assert said.code == 1
    assert "✗ daemon         Limits of apps do not hold.\n" in said.out


def test_a_data_folder_is_its_owners_and_root_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    me = getpass.getuser()
    assert host_checks.data_folder(tmp_path).found == f"{tmp_path} is open to {me} alone"
    monkeypatch.setattr("os.getuid", lambda: tmp_path.stat().st_uid + 1)
    refused = host_checks.data_folder(tmp_path)
    assert (refused.ok, refused.remedy) == (False, f"sudo -u {me} deployd doctor, or as root")
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert host_checks.data_folder(tmp_path).ok


async def test_a_deployment_is_followed_line_by_line_to_its_end(run: Run, bench: Bench) -> None:
    await bench.add_app()
    deployment = await _deployed(run, bench, Outcome.LIVE)
    assert deployment.code == 0
    lines = deployment.out.splitlines()
    assert re.fullmatch(r"Deploying shop \(dep-\w+\)", lines[0])
    assert lines[1:5] == ["  http://shop.test/", "  step one", "  step two", "✓ building 0.0 s"]
    assert re.fullmatch(
        r"shop v1 is live after 0\.\d s, with 0 of 3 requests failed meanwhile, at http://shop.test/", lines[-1]
    )


async def test_a_failed_deployment_is_exit_code_4_with_its_reason(run: Run, bench: Bench) -> None:
    await bench.add_app()
    failed = await _deployed(run, bench, Outcome.FAILED, "npm run build exited with code 1.")
    assert failed.code == 4
    said, still, where = failed.err.splitlines()
    assert said == "shop was not deployed: npm run build exited with code 1."
    assert still == "Nothing of it serves yet."
    assert where.startswith("All lines: deployd logs shop --deployment dep-")
    assert "✗ building" in failed.out


async def test_a_followed_deployment_in_json_is_a_document_a_line(run: Run, bench: Bench) -> None:
    await bench.add_app()
    told = await _deployed(run, bench, Outcome.LIVE, None, "--json")
    first, *between, last = map(json.loads, told.out.splitlines())
    assert (first["event"], first["urls"]) == ("accepted", ["http://shop.test/"])
    assert [one["line"]["text"] for one in between if one["event"] == "line"] == ["step one", "step two"]
    assert [one["stage"] for one in between if one["event"] == "stage"] == ["queued", "building"]
    assert (last["event"], last["deployment"]["outcome"], last["deployment"]["release"]) == ("ended", "live", 1)


async def test_quiet_is_the_result_alone_and_a_failure_brings_the_last_lines(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert len((await _deployed(run, bench, Outcome.LIVE, None, "--quiet")).out.splitlines()) == 1
    bench.subscribed.clear()
    failed = await _deployed(run, bench, Outcome.FAILED, "No.", "-q")
    assert failed.out == ""
    assert "The last lines before that:\n  step one\n  step two\n" in failed.err
    bench.subscribed.clear()
    document = await _deployed(run, bench, Outcome.LIVE, None, "-q", "--json")
    assert document.json["event"] == "ended"


async def test_what_a_stage_usually_takes_is_the_median_of_those_that_went_live(run: Run, bench: Bench) -> None:
    await bench.add_app()
    for seconds, outcome in ((10, Outcome.LIVE), (14, Outcome.LIVE), (30, Outcome.LIVE), (500, Outcome.FAILED)):
        past = await bench.add_deployment()
        await bench.stores.deployments.move(past.id, Stage.QUEUED, Stage.BUILDING, past.requested_ms)
        await bench.stores.deployments.end(past.id, outcome, None, past.requested_ms + seconds * 1000)
    told = await _deployed(run, bench, Outcome.LIVE)
    assert "✓ building 0.0 s (usually 14.0 s)\n" in told.out


async def test_what_serves_and_what_failed_are_told_apart(run: Run, bench: Bench) -> None:
    await bench.add_app()
    first, second = await bench.add_deployment(), await bench.add_deployment()
    await bench.end(first.id, Outcome.LIVE)
    await bench.stores.deployments.note_release(second.id, 2)
    await bench.end(second.id, Outcome.FAILED, "No.")
    target = (parse_address("127.0.0.1:1"),)
    await bench.stores.routes.put(
        Route(app=AppName("shop"), hosts=("shop.test",), release=1, targets=target, deployment=first.id)
    )
    (row,) = [line.split("  ") for line in (await run("apps")).out.splitlines() if line.startswith("shop")]
    assert [cell.strip() for cell in row if cell] == [
        "shop", "serving v1", "failed just now (v2 never went live)", "http://shop.test/",
    ]  # fmt: skip
    shown = (await run("status", "shop")).out
    assert "last deployment: failed just now (v2 never went live)\n" in shown
    listed = (await run("status", "shop", "--json")).json
    assert (listed["app"]["state"], listed["app"]["serving"]) == ("serving", "serving v1")
    assert [one["state"] for one in listed["deployments"]] == ["failed", "live"]


async def test_a_former_success_is_not_live_for_ever(run: Run, bench: Bench) -> None:
    await bench.add_app()
    former = await bench.add_deployment()
    await bench.end(former.id, Outcome.LIVE)
    await bench.stores.routes.put(
        Route(app=AppName("shop"), hosts=(), release=2, deployment=DeploymentId("dep-a-newer-one"))
    )
    assert (await run("status", former.id)).out.splitlines()[0] == f"{former.id} of shop: replaced"


async def test_an_upstream_app_is_never_one_that_was_not_deployed(run: Run, bench: Bench) -> None:
    await bench.add_app("metrics", repo=None, upstream="127.0.0.1:9000")
    assert "metrics  routing to 127.0.0.1:9000  -" in (await run("apps")).out


async def test_a_paused_app_is_shown_as_such(run: Run, bench: Bench) -> None:
    await bench.add_app()
    bench.paused.append("shop")
    assert "shop  paused (nothing deployed yet)" in (await run("apps")).out
    assert (await run("apps", "--json")).json["apps"][0]["state"] == "paused"


async def test_an_app_can_be_named_to_cancel_what_it_is_doing(run: Run, bench: Bench) -> None:
    await bench.add_app()
    running, queued = await bench.add_deployment(), await bench.add_deployment()
    cancelled = await run("cancel", "shop")
    assert cancelled.out == f"Cancelled {queued.id} of shop.\nCancelled {running.id} of shop.\n"
    nothing = await run("cancel", "shop")
    assert (nothing.code, "nothing to cancel" in nothing.err) == (1, True)


@pytest.mark.parametrize("verb", ["status", "logs", "deploy", "cancel", "pause", "env"])
async def test_a_name_that_is_nearly_right_is_suggested(run: Run, bench: Bench, verb: str) -> None:
    await bench.add_app("web")
    assert "Did you mean 'web'?" in (await run(verb, "web2")).err


def test_a_verb_that_is_nearly_right_is_suggested() -> None:
    mistyped = run_here("deply")
    assert (mistyped.code, "Did you mean 'deploy'?" in mistyped.err) == (2, True)


@pytest.mark.parametrize("argv", [("sett", "shop"), ("sett", "shop", "A=1"), ("shop", "sett", "A=1")])
def test_a_verb_of_env_that_is_nearly_right_is_suggested_and_no_app(argv: tuple[str, ...]) -> None:
    mistyped = run_here("env", *argv)
    assert (mistyped.code, "No such command 'sett'. Did you mean 'set'" in mistyped.err) == (2, True)


async def test_a_verb_of_env_alone_is_suggested_where_there_is_no_such_app(run: Run, bench: Bench) -> None:
    assert (await run("env", "sett")).err == "There is no app named 'sett'. Did you mean the verb 'set'?\n"
    assert (await run("env", "shop")).err == "There is no app named 'shop'.\n"
    await bench.add_app("sett")
    assert "sett has no env" in (await run("env", "sett")).out
    assert (await run("env", "setts")).err == "There is no app named 'setts'. Did you mean 'sett'?\n"


async def test_the_lines_of_an_unknown_deployment_are_refused(run: Run, bench: Bench) -> None:
    await bench.add_app()
    for follow in ((), ("--follow",)):
        refused = await run("logs", "shop", "--deployment", "dep-nope", *follow)
        assert (refused.code, refused.out, refused.err) == (1, "", "There is no deployment 'dep-nope'.\n")


async def test_text_from_outside_does_not_reach_the_terminal_as_commands(run: Run, bench: Bench) -> None:
    """Wherever it comes from: a commit message, a reason, a name in the answer of the daemon."""
    await bench.add_app()
    deployment = await bench.add_deployment()
    evil = "\x1b]0;owned\x07\x1b[2J\x1b[31mfix\u202e " + "x" * 200_000
    await bench.stores.deployments.note_commit(deployment.id, "0123456789", evil)
    await bench.end(deployment.id, Outcome.FAILED, "\x1b[8mhidden\x9b2J\nreason")
    bench.problems.append("\x1b[5mThe disk is full.")
    for argv in (("status", "shop"), ("status", deployment.id), ("status",), ("apps",)):
        shown = (await run(*argv)).out
        assert not set(shown) & set("\x1b\x07\x9b\u202e"), argv
        assert len(shown) < 2_000
    assert "01234567 fix" in (await run("status", "shop")).out


async def _deployed(run: Run, bench: Bench, outcome: Outcome, reason: str | None = None, *options: str) -> Ran:
    """Plays the build while the verb looks on."""
    async with asyncio.TaskGroup() as group:
        deploying = group.create_task(run("deploy", "shop", *options))
        await bench.subscribed.wait()
        (deployment,) = await bench.stores.deployments.unfinished()
        await bench.say("step one", deployment=deployment.id)
        await bench.move(deployment.id, Stage.QUEUED, Stage.BUILDING)
        await bench.say("of another deployment", deployment="dep-other")
        await bench.say("step two", deployment=deployment.id)
        await bench.end(deployment.id, outcome, reason)
    assert "of another deployment" not in deploying.result().out
    return deploying.result()


async def test_export_writes_toml_that_check_accepts(run: Run, bench: Bench, tmp_path: Path) -> None:
    assert (await run("export")).err == "No app was made by command.\n"
    await bench.add_app(domains=("a.test",))
    said = (await run("export", "shop")).out
    assert said == '[apps.shop]\nrepo = "https://example.com/shop.git"\ndomains = ["a.test"]\n'
    assert (await run("export", "--json")).json == {"toml": said}
    assert (await run("export", "ghost")).code == 1
    (tmp_path / "new.toml").write_text(said)
    assert run_here("check", "--config", str(tmp_path / "new.toml")).code == 0


async def test_what_the_file_owns_is_said_by_status_and_asked_before_it_is_removed(run: Run, bench: Bench) -> None:
    await bench.add_app(domains=("a.test",))
    bench.desk.declared.apps = {"shop": AppConfig(repo="https://example.com/shop.git", domains=("b.test",))}
    said = (await run("status", "shop")).out
    assert "its settings are those of deployd.toml" in said
    assert '! Drift: `domains` is ["a.test"], and deployd.toml says ["b.test"].' in said
    asked = await run("remove", "shop", stdin="n\n")
    assert (asked.code, "take [apps.shop] out of deployd.toml" in asked.err) == (1, True)


async def test_settings_are_set_by_key_and_value(run: Run, bench: Bench) -> None:
    await bench.add_app(limits=Limits(pids=9))
    await bench.add_deployment()
    said = await run(
        "set", "shop", "domains=a.test,b.test", "health=/up", "limits.memory_mb=256", "processes={ web = 2 }",
        "proxy.reuse=never", "proxy.sticky=true", "limits.pids=", "branch=1.0",
    )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Changed shop.\n`domains` takes effect at once\n")
    assert "`limits.memory_mb` takes effect with the app's next start: deployd restart shop\n" in said.out
    assert "`branch` takes effect with the app's next deployment: deployd deploy shop\n" in said.out
    settings = (await bench.stores.apps.get("shop")).settings
    assert settings == AppSettings(
        repo=REPO,
        branch="1.0",
        domains=("a.test", "b.test"),
        health="/up",
        limits=Limits(memory_mb=256),
        processes={"web": 2},
        proxy=EdgeSettings(reuse=Reuse.NEVER, sticky=True),
    )


async def test_a_setting_of_what_was_never_deployed_takes_effect_with_its_first_deployment(
    run: Run, bench: Bench
) -> None:
    await bench.add_app()
    said = await run("set", "shop", "limits.memory_mb=256")
    assert said.out == "Changed shop.\nDeploy it with: deployd deploy shop\n"


@pytest.mark.parametrize(
    ("pair", "words", "code"),
    [
        ("helth=/up", "did you mean `apps.*.health`?", 1),
        ("limits.memory_mb=much", "`limits.memory_mb` must be a whole number from 0 to 1,000,000,000, and is much.", 1),
        ("limits.memory_mb=" + 5_000 * "9", f"from 0 to 1,000,000,000, and is {60 * '9'}….\n", 1),
        ("limits.memory_mb=0x" + 5_000 * "f", "from 0 to 1,000,000,000, and is 0xfff", 1),
        ("limits=" + 5_000 * "[", "`limits` must be a table, and is [[[", 1),
        ("domains=https://a.test", 'leave out `https://`: "a.test"', 1),
        ("env.A=1", "deployd env set shop KEY=VALUE", 1),
        ("health", "is not of the form KEY=VALUE", 2),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(pair: str, words: str, code: int, run: Run, bench: Bench) -> None:
    await bench.add_app()
    refused = await run("set", "shop", pair)
    assert (refused.code, words in refused.err) == (code, True), refused.err
    assert (await bench.stores.apps.get("shop")).settings == AppSettings(repo=REPO)
