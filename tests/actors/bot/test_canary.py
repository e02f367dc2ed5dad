"""A canary is begun, watched, promoted and aborted from a chat."""

import msgspec
import pytest

from deployd.domain.canary_verdict import ReleaseFigures, Traffic
from deployd.domain.deployment import Outcome, Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.event import EventType
from deployd.domain.route import Route
from deployd.messages.deploy import AbortCanary, BeginCanary, DeployMessage, PromoteCanary, RequestDeployment
from tests.actors.bot.world import ANN, BEN, EventData, World
from tests.support.telegram_api import Failure

FIGURES = Traffic(
    release=1,
    live=ReleaseFigures(release=1, requests=1_900, errors=3, p95_seconds=0.045),
    canary=ReleaseFigures(release=2, requests=100, errors=2, p95_seconds=0.0484),
)


def table(text: str) -> list[list[str]]:
    """The words of each line of a card's table."""
    return [line.split() for line in text.splitlines() if line.startswith(("share", "requests", "errors", "p95"))]


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("/canary shop 5%", BeginCanary(app="shop", by="telegram:11", rule=CanaryRule(percent=5.0))),
        ("/canary shop 0,5 %", BeginCanary(app="shop", by="telegram:11", rule=CanaryRule(percent=0.5))),
        ("/canary shop 20 v1", BeginCanary(app="shop", by="telegram:11", rule=CanaryRule(percent=20.0), release=1)),
        (
            "/canary shop 5% next",
            RequestDeployment(
                app="shop", trigger=Trigger.BOT, by="telegram:11", ref="next", canary=CanaryRule(percent=5.0)
            ),
        ),
    ],
)
async def test_a_canary_is_begun_with_a_kept_release_or_a_new_build(
    world: World, said: str, order: DeployMessage
) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, said)
        await world.api.message(ANN, "⏳ shop")
        assert world.orders == [order]


async def test_its_card_follows_both_releases(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/canary shop 5%")
        card = await world.api.message(ANN, "⏳ shop v2")
        world.traffic = FIGURES
        deployment = await world.only_deployment(shop)
        await world.add_canary(shop, deployment.id)
        await world.journal.end(deployment.id, Outcome.CANARY)
        await world.api.wait_for(lambda: "1,900" in card.text)
        assert "For 5 % of the visitors." in card.text
        assert table(card.text) == [
            ["share", "95", "%", "5", "%"],
            ["requests", "1,900", "100"],
            ["errors", "3", "2"],
            ["p95", "45", "ms", "48.4", "ms"],
        ]
        assert card.labels == ["Promote", "Abort", "Logs"]
        live = msgspec.structs.replace(FIGURES.live or ReleaseFigures(release=1), requests=2_400)
        world.traffic = msgspec.structs.replace(FIGURES, live=live)
        await world.api.wait_for(lambda: "2,400" in card.text)  # nothing happened but traffic
        assert world.api.to(ANN) == [card]


async def test_a_canary_without_figures_says_so_and_goes_on_looking(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.ran_canary(shop)
        card = await world.api.message(ANN, "its figures are not known yet.")
        world.traffic = FIGURES
        await world.api.wait_for(lambda: "1,900" in card.text)


async def test_promoting_asks_first_and_happens_once(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        begun = await world.ran_canary(shop)
        card = await world.api.message(ANN, "🐤 shop v2: canary")
        await world.api.press(ANN, card, "Promote")
        question = await world.api.message(ANN, "Give everybody v2 of shop? Now it is for 5 % of the visitors.")
        pressed = msgspec.structs.replace(question)
        assert PromoteCanary(app="shop", by="telegram:11") not in world.orders
        await world.api.press(ANN, pressed, "Promote v2")
        await world.api.press(ANN, pressed, "Promote v2")
        await world.api.wait_for(lambda: question.text == "Giving everybody v2 of shop.")
        promotion = await world.api.message(ANN, "promote by telegram:11")
        assert world.orders.count(PromoteCanary(app="shop", by="telegram:11")) == 1
        await world.add_releases(shop, 0)
        newest = (await world.stores.deployments.of_app(shop, 1))[0]
        assert newest.id != begun.id
        await world.journal.end(newest.id, Outcome.LIVE)
        await world.api.wait_for(lambda: "✅" in promotion.text)
        await world.api.wait_for(lambda: "It is not running any more." in card.text)
        assert card.labels == ["Logs"]


async def test_aborting_asks_first_too(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.ran_canary(shop)
        await world.api.say(ANN, "/canary shop abort")
        question = await world.api.message(ANN, "Abort the canary v2 of shop? Everybody gets v1 then.")
        await world.api.press(ANN, question, "Abort v2")
        await world.api.wait_for(lambda: question.text == "The canary v2 of shop is gone; everybody gets v1.")
        assert world.orders[1:] == [AbortCanary(app="shop", by="telegram:11")]


async def test_a_question_about_an_earlier_canary_is_not_acted_on(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        begun = await world.ran_canary(shop)
        await world.api.say(ANN, "/canary shop promote")
        question = await world.api.message(ANN, "Give everybody v2 of shop?")
        route = await world.stores.routes.get(shop)
        assert route is not None
        assert route.canary is not None
        newer = msgspec.structs.replace(route.canary.canary, release=3)
        canary = msgspec.structs.replace(route.canary, canary=newer, deployment=begun.id)
        await world.stores.routes.put(msgspec.structs.replace(route, canary=canary))
        await world.api.press(ANN, question, "Promote v2")
        await world.api.message(ANN, "The canary of 'shop' is v3 by now; send /canary shop.")
        assert len(world.orders) == 1


async def test_canary_brings_the_figures_to_the_end_of_the_chat(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        world.traffic = FIGURES
        await world.ran_canary(shop)
        old = await world.api.message(ANN, "1,900")
        await world.api.say(ANN, "/canary shop")
        await world.api.wait_for(lambda: len(world.api.to(ANN)) == 2)
        assert world.api.to(ANN)[1].id > old.id
        await world.api.say(ANN, "/status shop")
        shown = await world.api.message(ANN, "shop: down (v1)")
        assert "v2 is a canary for 5 % of the visitors" in shown.text
        assert "Canary" in shown.labels


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/canary shop", "App 'shop' has no canary; begin one with: /canary shop 5%"),
        ("/canary shop promote", "App 'shop' has no canary; begin one with: /canary shop 5%"),
        ("/canary shop abort now", "That is too much: it is /canary shop abort."),
        ("/canary shop 0%", "A share of the visitors is a percentage such as 5%, not '0%'."),
        ("/canary shop 101%", "A share of the visitors is a percentage such as 5%, not '101%'."),
        ("/canary shop some", "A share of the visitors is a percentage such as 5%, not 'some'."),
    ],
)
async def test_what_cannot_be_done_with_a_canary_is_said_in_one_sentence(world: World, said: str, answer: str) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, said)
        assert (await world.api.message(ANN, answer)).text == answer
        assert world.orders == []


async def test_an_abort_that_nobody_asked_for_is_told_to_everybody_with_its_reason(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        begun = await world.ran_canary(shop)
        await world.api.message(ANN, "🐤 shop v2: canary")
        reason = "15 of 15 requests (100 %) were answered with errors."
        await world.stores.routes.put(msgspec.structs.replace(await route_of(world), canary=None))
        await world.journal.revert(begun.id, f"The canary v2 was aborted: {reason}")
        data: EventData = {"release": 2, "reason": reason, "automatic": True}
        await world.journal.note(EventType.CANARY_ABORTED, shop, begun.id, data)
        for user in (ANN, BEN):
            alert = await world.api.message(user, "the canary v2 was aborted by itself")
            assert reason in alert.text
            assert [one.text.count("lost the traffic") for one in world.api.to(user)] == [0, 0]


async def test_an_abort_that_somebody_asked_for_is_only_on_the_card(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        begun = await world.ran_canary(shop)
        card = await world.api.message(ANN, "🐤 shop v2: canary")
        await world.journal.revert(begun.id, "The canary v2 was aborted: Aborted by root.")
        data: EventData = {"release": 2, "reason": "Aborted by root.", "automatic": False}
        await world.journal.note(EventType.CANARY_ABORTED, shop, begun.id, data)
        await world.api.wait_for(lambda: "Aborted by root." in card.text)
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/canary APP")
        assert len(world.api.to(ANN)) == 2


async def route_of(world: World) -> Route:
    (route,) = await world.stores.routes.all()
    return route


async def test_a_card_that_the_service_refuses_is_not_sent_again_and_again(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.ran_canary(shop)
        await world.api.message(ANN, "its figures are not known yet.")
        await world.api.message(BEN, "its figures are not known yet.")
        malformed = Failure(code=400, description="Bad Request: MESSAGE_EMPTY")
        world.api.fail("editMessageText", *[malformed] * 20)
        world.traffic = FIGURES
        await world.status_when(lambda status: status.dropped == 2)
        await world.api.say(ANN, "/help")
        await world.api.message(ANN, "/canary APP")
        assert [call.failed for call in world.api.called("editMessageText")].count(400) == 2
