"""People talk to BotActor over HTTP, through the real Telegram adapter."""

import subprocess
import sys

import msgspec
import pytest

from actors.bot.commands import COMMANDS
from actors.bot.strangers import MOST_AT_ONCE
from deployd.domain.deployment import Outcome, Stage, Trigger
from deployd.domain.route import Route
from deployd.kernel.failure import Next
from deployd.messages.deploy import CancelDeployment, RequestDeployment, RestartApp, RollBack, StopApp
from deployd.stores.database import Statement
from tests.actors.bot.world import ANN, BEN, QUICK, STRANGER, World
from tests.support.telegram_api import ShownMessage, blocked, slow_down

BUILD_STAGES = (Stage.FETCHING, Stage.DETECTING, Stage.BUILDING, Stage.PACKING)
ROLLOUT_STAGES = (Stage.STARTING, Stage.CHECKING, Stage.SWITCHING, Stage.DRAINING)


async def card_of(world: World, user: int, has: str = "shop") -> ShownMessage:
    return await world.api.message(user, f"⏳ {has}")


async def test_a_stranger_is_refused_once_with_their_id_and_nothing_is_done(world: World) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(STRANGER, "/deploy shop")
        refusal = await world.api.message(STRANGER, "99")
        await world.api.say(STRANGER, "/deploy shop")
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/deploy APP [REF]")
        assert world.api.to(STRANGER) == [refusal]
        assert world.orders == []


async def test_a_crowd_of_strangers_gets_a_bounded_number_of_answers(world: World) -> None:
    async with world.running():
        for stranger in range(1000, 1000 + MOST_AT_ONCE + 20):
            await world.api.say(stranger, "hello")
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/deploy APP [REF]")
        await world.api.wait_for(lambda: len(world.api.messages) == MOST_AT_ONCE + 1)


async def test_a_command_in_a_group_is_not_heard(world: World) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop", chat_type="group")
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/deploy APP [REF]")
        assert world.orders == []


async def test_start_greets_and_the_menu_of_commands_is_published(world: World) -> None:
    async with world.running():
        await world.api.say(ANN, "/start")
        await world.api.message(ANN, "/rollback APP [RELEASE]")
        (published,) = world.api.called("setMyCommands")
        names = [entry["command"] for entry in published.params["commands"]]
        assert names == list(COMMANDS)


async def test_deploy_makes_one_card_that_is_edited_in_place_until_live(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy@deployd_bot shop main")
        card = await card_of(world, ANN)
        assert card.labels == ["Cancel", "Logs"]
        assert world.orders == [RequestDeployment(app="shop", trigger=Trigger.BOT, by="telegram:11", ref="main")]
        deployment = await world.only_deployment(shop)
        for stage in BUILD_STAGES:
            await world.move(deployment.id, stage)
            await world.api.wait_for(lambda stage=stage: f"shop: {stage}" in card.text)  # type: ignore[misc]
        await world.stores.deployments.note_commit(deployment.id, "1a2b3c4d5e", "Fix <the> cart\n\nAt last.")
        await world.stores.deployments.note_release(deployment.id, 4)
        await world.move(deployment.id, *ROLLOUT_STAGES)
        await world.journal.end(deployment.id, Outcome.LIVE)
        await world.api.wait_for(lambda: "✅ shop v4: live" in card.text)
        assert "main at 1a2b3c4: Fix <the> cart" in card.text
        assert "https://shop.example.com" in card.text
        assert card.labels == ["Open", "Logs", "Roll back"]
        assert card.button("Open")["url"] == "https://shop.example.com"
        assert world.api.to(ANN) == [card]


async def test_a_fast_deployment_edits_its_card_rarely_and_the_outcome_still_arrives(world: World) -> None:
    shop = await world.add_app()
    async with world.running(pace=msgspec.structs.replace(QUICK, edit_seconds=0.5)):
        await world.api.say(ANN, "/deploy shop")
        card = await card_of(world, ANN)
        deployment = await world.only_deployment(shop)
        await world.move(deployment.id, *BUILD_STAGES, *ROLLOUT_STAGES)
        await world.journal.end(deployment.id, Outcome.LIVE)
        await world.api.wait_for(lambda: "✅" in card.text)
        assert card.edits <= 2


async def test_many_deployments_at_once_stay_within_what_a_chat_takes(world: World) -> None:
    apps = [await world.add_app(f"app-{number}") for number in range(20)]
    world.api.limit(8, seconds=0.4)
    async with world.running(pace=msgspec.structs.replace(QUICK, edit_seconds=0.1)):
        for app in apps:
            await world.deploy.ask(RequestDeployment(app=app, trigger=Trigger.CLI, by="root"), 5.0)
            deployment = await world.only_deployment(app)
            await world.move(deployment.id, *BUILD_STAGES, *ROLLOUT_STAGES)
            await world.journal.end(deployment.id, Outcome.LIVE)
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "I deploy your apps")
        await world.api.wait_for(lambda: sum("✅" in one.text for one in world.api.to(ANN)) == 20, seconds=30)
        assert [call for call in world.api.calls if call.failed] == []


async def test_a_deployment_from_elsewhere_gets_a_card_in_every_allowed_chat(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.deploy.ask(RequestDeployment(app="shop", trigger=Trigger.CLI, by="root"), 5.0)
        cards = [await card_of(world, user) for user in (ANN, BEN)]
        deployment = await world.only_deployment(shop)
        await world.move(deployment.id, Stage.FETCHING)
        await world.journal.end(deployment.id, Outcome.FAILED, "No branch 'nope' in the repository.")
        for card in cards:
            await world.api.wait_for(lambda card=card: "failed while fetching" in card.text)  # type: ignore[misc]
            assert "No branch 'nope' in the repository." in card.text
            assert card.labels == ["Logs", "Roll back"]


async def test_a_deployment_under_way_when_the_bot_starts_gets_its_card(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.deploy.ask(RequestDeployment(app="shop", trigger=Trigger.API, by="ci"), 5.0)
    world.api.messages.clear()
    deployment = await world.only_deployment(shop)
    await world.journal.end(deployment.id, Outcome.INTERRUPTED, "deployd was restarted.")
    async with world.running():
        assert "deployd was restarted." in (await world.api.message(ANN, "interrupted")).text


async def test_the_cancel_button_cancels(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        card = await card_of(world, ANN)
        await world.api.press(ANN, card, "Cancel")
        await world.api.wait_for(lambda: "cancelled" in card.text)
        assert world.orders[-1] == CancelDeployment(deployment=(await world.only_deployment(shop)).id)
        await world.api.wait_for(lambda: len(world.api.called("answerCallbackQuery")) == 1)
        assert card.labels == ["Logs"]


async def test_cancel_without_a_name_takes_the_only_one_and_asks_when_there_are_more(world: World) -> None:
    await world.add_app()
    await world.add_app("blog")
    async with world.running():
        await world.api.say(ANN, "/cancel")
        await world.api.message(ANN, "No deployment is under way.")
        await world.api.say(ANN, "/deploy shop")
        await card_of(world, ANN)
        await world.api.say(ANN, "/deploy blog")
        blog = await card_of(world, ANN, "blog")
        await world.api.say(ANN, "/cancel")
        choice = await world.api.message(ANN, "Cancel which deployment?")
        assert sorted(choice.labels) == ["blog: queued", "shop: queued"]
        await world.api.press(ANN, choice, "blog: queued")
        await world.api.wait_for(lambda: "cancelled" in blog.text)
        await world.api.say(ANN, "/cancel")
        await world.api.message(ANN, "🚫 shop")


async def test_a_request_to_slow_down_is_honoured_and_the_outcome_arrives(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        card = await card_of(world, ANN)
        deployment = await world.only_deployment(shop)
        world.api.fail("editMessageText", slow_down(1), slow_down(1))
        edits = len(world.api.called("editMessageText"))
        await world.move(deployment.id, *BUILD_STAGES, *ROLLOUT_STAGES)
        await world.journal.end(deployment.id, Outcome.LIVE)
        await world.api.wait_for(lambda: "✅" in card.text)
        to_ann = [call for call in world.api.called("editMessageText")[edits:] if call.params["chat_id"] == ANN]
        assert sum(call.failed == 429 for call in to_ann) <= 2
        assert len(to_ann) <= 3


async def test_rollback_asks_first_and_acts_once_however_often_it_is_pressed(world: World) -> None:
    await world.add_releases(await world.add_app(), 3)
    async with world.running():
        await world.api.say(ANN, "/rollback shop")
        question = await world.api.message(ANN, "Roll shop back from v3 to v2?")
        assert world.orders == []
        pressed = msgspec.structs.replace(question)
        await world.api.press(ANN, pressed, "Roll back to v2")
        await world.api.press(ANN, pressed, "Roll back to v2")
        await world.api.wait_for(lambda: question.text == "Rolling shop back to v2.")
        await world.api.wait_for(lambda: len(world.api.called("answerCallbackQuery")) == 2)
        assert "rollback by telegram:11" in (await card_of(world, ANN, "shop v2")).text
        assert world.orders == [RollBack(app="shop", trigger=Trigger.BOT, by="telegram:11", release=2)]
        assert question.labels == []


async def test_rollback_goes_to_the_release_that_was_named(world: World) -> None:
    await world.add_releases(await world.add_app(), 3)
    async with world.running():
        await world.api.say(ANN, "/rollback shop v1")
        question = await world.api.message(ANN, "Roll shop back from v3 to v1?")
        await world.api.press(ANN, question, "No")
        await world.api.wait_for(lambda: question.text == "Nothing was changed.")
        assert world.orders == []


async def test_a_deployment_without_an_earlier_release_cannot_be_rolled_back(world: World) -> None:
    await world.add_releases(await world.add_app(), 1)
    async with world.running():
        await world.api.say(ANN, "/rollback shop")
        await world.api.message(ANN, "App 'shop' has no release before v1 to roll back to.")


async def test_stop_asks_first_and_restart_makes_a_card(world: World) -> None:
    await world.add_releases(await world.add_app(), 1)
    async with world.running():
        await world.api.say(ANN, "/stop shop")
        question = await world.api.message(ANN, "Stop shop?")
        assert world.orders == []
        await world.api.press(ANN, question, "Stop it")
        await world.api.wait_for(lambda: question.text == "shop is stopped.")
        await world.api.say(ANN, "/restart shop")
        await card_of(world, ANN, "shop v1")
        assert world.orders == [
            StopApp(app="shop", by="telegram:11"),
            RestartApp(app="shop", trigger=Trigger.BOT, by="telegram:11"),
        ]


@pytest.mark.parametrize("command", ["/deploy", "/logs", "/status", "/rollback", "/stop", "/restart"])
async def test_a_command_without_an_app_shows_the_apps_to_tap(world: World, command: str) -> None:
    await world.add_releases(await world.add_app(), 2)
    async with world.running():
        await world.api.say(ANN, command)
        choice = await world.api.message(ANN, "which app?")
        assert choice.labels == ["shop"]
        await world.api.press(ANN, choice, "shop")
        await world.api.wait_for(lambda: len(world.api.to(ANN)) == 2)
        assert "shop" in world.api.to(ANN)[1].text


async def test_logs_show_the_newest_lines_that_fit_and_nothing_of_them_is_markup(world: World) -> None:
    shop = await world.add_app()
    await world.add_lines(shop, *(f"line {number} <b>&amp;" + "x" * 60 for number in range(200)))
    async with world.running():
        await world.api.say(ANN, "/logs shop 200")
        shown = (await world.api.message(ANN, "line 199 <b>&amp;")).text
        lines = shown.splitlines()
        assert "more do not fit" in lines[0]
        assert len(shown) <= 4096
        assert [line.split()[3] for line in lines[1:]] == [str(number) for number in range(201 - len(lines), 200)]
        assert len(lines) > 30


async def test_the_logs_button_of_a_card_shows_that_deployments_own_lines(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        card = await card_of(world, ANN)
        await world.add_lines(shop, "GET / 200")
        await world.add_lines(shop, "npm ci", deployment=(await world.only_deployment(shop)).id)
        await world.api.press(ANN, card, "Logs")
        assert "GET /" not in (await world.api.message(ANN, "npm ci")).text


async def test_status_apps_and_ps_say_how_things_are(world: World) -> None:
    await world.add_releases(await world.add_app(), 2)
    await world.add_app("blog")
    async with world.running():
        await world.api.say(ANN, "/apps")
        assert "blog: nothing deployed yet\nshop: serving v2" in (await world.api.message(ANN, "shop")).text
        await world.api.say(ANN, "/status shop")
        await world.api.message(ANN, "shop: serving v2\nhttps://shop.example.com")
        await world.api.say(ANN, "/ps")
        await world.api.message(ANN, "No instance is running.")


async def test_status_of_a_deployment_brings_its_card_to_the_end_of_the_chat(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        old = await card_of(world, ANN)
        deployment = await world.only_deployment(shop)
        await world.api.say(ANN, f"/status {deployment.id}")
        await world.api.wait_for(lambda: len(world.api.to(ANN)) == 2)
        await world.journal.end(deployment.id, Outcome.LIVE)
        new = await world.api.message(ANN, "✅")
        assert new.id > old.id


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/deploy nope", "nope"),
        ("/logs shop many", "The number of lines must be from 1 to 500, not 'many'."),
        ("/rollback shop latest", "A release is a number such as v3, not 'latest'."),
        ("/deploy shop main now", "That is too much for /deploy; it is /deploy APP [REF]."),
        ("/dance", "There is no command /dance; send /help for the list."),
        ("hello", "I only understand commands; send /help for the list."),
        ("/status dep-nope", "dep-nope"),
        ("/logs <b>", "<b>"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_one_sentence(world: World, said: str, answer: str) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, said)
        text = (await world.api.message(ANN, answer)).text
        assert len(text.splitlines()) == 1


async def test_a_crash_is_announced_with_its_exit_and_last_lines(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.crash(shop, last_lines="Traceback\nKeyError: '<id>'")
        for user in (ANN, BEN):
            alert = await world.api.message(user, "🔥 shop v3: web.1 exited with code 7.")
            assert "KeyError: '<id>'" in alert.text


async def test_a_crash_loop_is_counted_in_one_message(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        for _ in range(5):
            await world.crash(shop)
        await world.crash(shop, "worker.1")
        await world.api.message(ANN, "web.1 exited with code 7 (5 times by now).")
        await world.api.message(ANN, "worker.1 exited with code 7.")
        assert len(world.api.to(ANN)) == 2


async def test_a_crash_while_the_network_is_lost_is_announced_when_it_is_back(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/deploy APP [REF]")
        await world.api.down()
        await world.crash(shop)
        status = await world.status_when(lambda status: status.waiting == 2 and status.trouble is not None)
        assert status.trouble == "Telegram cannot be reached."
        assert world.warnings.all() == ["Telegram cannot be reached."]
        await world.api.up()
        for user in (ANN, BEN):
            await world.api.message(user, "🔥 shop v3: web.1 exited with code 7.")
        await world.api.say(ANN, "/apps")
        await world.api.message(ANN, "shop: nothing deployed yet")
        status = await world.status()
        assert (status.trouble, status.waiting, status.dropped, world.warnings.all()) == (None, 0, 0, [])


async def test_alerts_that_had_to_be_dropped_are_counted_and_told(world: World) -> None:
    shop = await world.add_app()
    await world.api.down()
    async with world.running():
        for number in range(130):
            await world.crash(shop, f"worker.{number}")
        status = await world.status_when(lambda status: status.dropped == 60)
        assert status.waiting <= 200
        await world.api.up()
        await world.api.message(ANN, "older messages could not be delivered and were dropped.")
        await world.api.message(ANN, "worker.129")


async def test_who_blocked_the_bot_is_left_alone_until_they_write_again(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/deploy APP [REF]")
        world.api.fail("sendMessage", blocked())
        await world.api.say(ANN, "/apps")
        await world.status_when(lambda status: status.unreachable == (ANN,))
        await world.crash(shop)
        await world.api.message(BEN, "🔥 shop")
        assert len(world.api.to(ANN)) == 1
        await world.api.say(ANN, "/start")
        await world.api.wait_for(lambda: len(world.api.to(ANN)) == 2)
        await world.crash(shop)
        await world.api.message(ANN, "🔥 shop")


async def test_a_card_that_was_deleted_comes_back_as_a_new_message(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        world.api.delete(await card_of(world, ANN))
        await world.journal.end((await world.only_deployment(shop)).id, Outcome.LIVE)
        await world.api.message(ANN, "✅ shop")


async def test_a_card_survives_a_link_that_telegram_does_not_open(world: World) -> None:
    shop = await world.add_app()
    async with world.running(url_of="http://localhost:8080/{}".format):
        await world.api.say(ANN, "/deploy shop")
        await card_of(world, ANN)
        await world.journal.end((await world.only_deployment(shop)).id, Outcome.LIVE)
        card = await world.api.message(ANN, "✅ shop")
        assert card.labels == ["Logs", "Roll back"]
        assert "http://localhost:8080/shop.example.com" in card.text


async def test_a_wrong_token_parks_the_bot_with_the_reason(world: World) -> None:
    async with world.running(token="123456:wrong"):
        failure = await world.failures.get()
        while failure.next is Next.RESTART:
            failure = await world.failures.get()
        assert failure.next is Next.PARK
        assert "does not know this bot token" in str(failure.crash.error)


def test_importing_the_bot_and_its_adapter_does_not_import_aiogram() -> None:
    code = "import sys, actors.bot, deployd.adapters.telegram; sys.exit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


async def test_an_app_with_a_damaged_row_keeps_nobody_from_being_listed(world: World) -> None:
    shop = await world.add_app()
    await world.add_app("blog")
    await world.stores.routes.put(Route(app=shop, hosts=("shop.test",), release=1))
    await world.database.transact(Statement("UPDATE routes SET route = '{half' WHERE app = $1", (shop,)))
    async with world.running():
        await world.api.say(ANN, "/apps")
        listed = await world.api.message(ANN, "⚠️ shop is broken")
        assert "Remove it with: deployd remove shop" in listed.text
        assert "blog: nothing deployed yet" in listed.text
