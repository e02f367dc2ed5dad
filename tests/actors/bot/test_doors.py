"""What visitors meet instead of an app, set from a chat."""

import pytest

from deployd.domain.app import MAINTENANCE_TEXT
from deployd.messages.deploy import SetMaintenance
from deployd.messages.proxy import PauseTraffic, ResumeTraffic
from tests.actors.bot.world import ANN, World


async def test_an_app_is_closed_with_a_text_and_opened_by_a_button(world: World) -> None:
    await world.add_releases(await world.add_app(), 2)
    async with world.running():
        await world.api.say(ANN, "/maintenance shop on Back at ten,  we hope.")
        closed = await world.api.message(ANN, "🚧 shop is in maintenance; visitors read: Back at ten,  we hope.")
        await world.api.say(ANN, "/apps")
        await world.api.message(ANN, "🚧 shop: in maintenance (serving v2)")
        await world.api.say(ANN, "/status shop")
        shown = await world.api.message(ANN, "Visitors read: Back at ten,  we hope.")
        assert shown.labels[-1] == "Open to visitors"
        await world.api.press(ANN, closed, "Open to visitors")
        await world.api.message(ANN, "shop is open to visitors.")
        assert world.orders == [
            SetMaintenance(app="shop", text="Back at ten,  we hope.", by="telegram:11"),
            SetMaintenance(app="shop", text=None, by="telegram:11"),
        ]


async def test_maintenance_without_a_word_shows_the_state_and_closes_with_the_usual_text(world: World) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/maintenance shop")
        shown = await world.api.message(ANN, "shop is open to visitors.")
        await world.api.press(ANN, shown, "Close to visitors")
        await world.api.message(ANN, MAINTENANCE_TEXT)


async def test_requests_wait_and_go_on(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/pause shop 12.5")
        paused = await world.api.message(ANN, "⏸ Requests for shop wait for up to 12.5 s.")
        await world.api.press(ANN, paused, "Resume")
        await world.api.message(ANN, "▶️ 3 requests go on to shop; the longest wait was 1.2 s.")
        assert world.proxied == [PauseTraffic(app=shop, seconds=12.5), ResumeTraffic(app=shop)]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/maintenance shop Back", "It is /maintenance shop on, with what visitors shall read behind it, or off."),
        ("/maintenance shop off now", "It is /maintenance shop on, with what visitors shall read behind it, or off."),
        ("/pause shop 31", "A pause takes from 0.1 to 30 seconds, not '31'."),
        ("/pause shop soon", "A pause takes from 0.1 to 30 seconds, not 'soon'."),
        ("/resume nope", "nope"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_sentence(world: World, said: str, answer: str) -> None:
    await world.add_app()
    async with world.running():
        await world.api.say(ANN, said)
        assert len((await world.api.message(ANN, answer)).text.splitlines()) == 1
        assert (world.orders, world.proxied) == ([], [])
