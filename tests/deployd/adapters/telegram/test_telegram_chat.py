"""The real adapter, over HTTP, against a Bot API server that keeps Telegram's rules."""

import importlib
from collections.abc import AsyncIterator

import pytest

from deployd.adapters.telegram import connect
from deployd.domain.errors import ProviderUnavailable, UserMistake
from deployd.domain.secret import Secret
from deployd.messages.bot import Heard, MessageId, Pressed, UserId
from deployd.ports.chat import Button, Chat, ChatRefused, MessageGone, MessageRefused
from tests.support.telegram_api import TOKEN, Failure, TelegramApi, blocked, slow_down, telegram_api

ANN = UserId(11)


@pytest.fixture(scope="module")
def aiogram_loaded() -> None:
    """Takes seconds, once, outside the tests' own deadlines."""
    importlib.import_module("deployd.adapters.telegram.client")


@pytest.fixture
async def api() -> AsyncIterator[TelegramApi]:
    async with telegram_api() as api:
        yield api


@pytest.fixture
async def chat(aiogram_loaded: None, api: TelegramApi) -> AsyncIterator[Chat]:
    chat = await connect(Secret(TOKEN), api.url)
    yield chat
    await chat.close()


async def test_what_people_write_and_press_comes_out_once_and_in_order(chat: Chat, api: TelegramApi) -> None:
    await chat.send(ANN, "Deploy?", ((Button(label="Yes", data="d:shop"),),))
    (message,) = api.to(ANN)
    await api.say(ANN, "in a group", chat_type="supergroup")
    await api.say(ANN, "/help")
    await api.press(ANN, message, "Yes")
    updates = chat.updates()
    assert await anext(updates) == Heard(user=ANN, text="/help")
    press = await anext(updates)
    assert isinstance(press, Pressed)
    assert (press.user, press.message, press.data) == (ANN, message.id, "d:shop")
    await api.say(ANN, "/apps")
    assert await anext(updates) == Heard(user=ANN, text="/apps")


async def test_an_update_of_a_kind_that_is_not_known_yet_holds_up_nothing(chat: Chat, api: TelegramApi) -> None:
    await api.say(ANN, "", paid_media={"star_count": 1, "paid_media": [{"type": "hologram"}]})
    await api.say(ANN, "/apps", forward_origin={"type": "planet", "date": 1})
    await api.push({"message": "nothing that is known"})
    await api.push({"hologram": {"id": 1}})
    await api.say(ANN, "/help")
    updates = chat.updates()
    assert [await anext(updates), await anext(updates)] == [
        Heard(user=ANN, text="/apps"),
        Heard(user=ANN, text="/help"),
    ]


async def test_polling_goes_on_where_it_ended_after_an_outage(chat: Chat, api: TelegramApi) -> None:
    await api.say(ANN, "one")
    updates = chat.updates()
    assert await anext(updates) == Heard(user=ANN, text="one")
    api.fail("getUpdates", Failure(code=502, description="Bad Gateway"))
    with pytest.raises(ProviderUnavailable):
        await anext(updates)
    await api.say(ANN, "two")
    assert await anext(chat.updates()) == Heard(user=ANN, text="two")


async def test_an_edit_that_changes_nothing_is_harmless(chat: Chat, api: TelegramApi) -> None:
    message = await chat.send(ANN, "<b>same</b>")
    await chat.edit(ANN, message, "<b>same</b>")
    assert api.called("editMessageText")[0].failed == 400


async def test_buttons_can_be_taken_away(chat: Chat, api: TelegramApi) -> None:
    message = await chat.send(ANN, "Sure?", ((Button(label="Yes", data="y"),),))
    await chat.edit(ANN, message, "Sure?")
    assert api.to(ANN)[0].labels == []


async def test_markup_that_is_not_understood_arrives_as_plain_text(chat: Chat, api: TelegramApi) -> None:
    await chat.send(ANN, "<b>5 < 6</b> <blink>&amp;</blink>", ((Button(label="Yes", data="y"),),))
    (message,) = api.to(ANN)
    assert message.text == "5 < 6 &"
    assert message.labels == ["Yes"]


async def test_markup_and_a_link_that_are_both_refused_cost_only_themselves(chat: Chat, api: TelegramApi) -> None:
    row = (Button(label="Open", url="http://localhost:8080"), Button(label="Logs", data="l"))
    await chat.send(ANN, "<b>5 < 6", (row, (Button(label="Only a link", url="http://localhost"),)))
    (message,) = api.to(ANN)
    assert (message.text, message.labels) == ("5 < 6", ["Logs"])


@pytest.mark.parametrize("line", ["x" * 99, "😀" * 50, "&lt;" * 60])
async def test_a_text_that_is_too_long_is_cut_at_a_line(chat: Chat, api: TelegramApi, line: str) -> None:
    await chat.send(ANN, "<pre>" + "\n".join([line] * 100) + "</pre>")
    (message,) = api.to(ANN)
    assert message.text.endswith("…")
    assert len(set(message.text.removesuffix("…").split("\n"))) == 1


@pytest.mark.parametrize(
    ("failure", "error", "text"),
    [
        (blocked(), ChatRefused, "does not let the bot write"),
        (Failure(code=400, description="Bad Request: chat not found"), ChatRefused, "never started"),
        (Failure(code=400, description="Bad Request: BUTTON_DATA_INVALID"), MessageRefused, "BUTTON_DATA_INVALID"),
        (Failure(code=401, description="Unauthorized"), UserMistake, "BotFather"),
        (Failure(code=409, description="Conflict: terminated by other getUpdates"), ProviderUnavailable, "Another"),
        (Failure(code=500, description="Internal Server Error"), ProviderUnavailable, "cannot be reached"),
    ],
)
async def test_what_telegram_refuses_becomes_an_error_of_our_own(
    chat: Chat, api: TelegramApi, failure: Failure, error: type[Exception], text: str
) -> None:
    api.fail("sendMessage", failure)
    with pytest.raises(error, match=text):
        await chat.send(ANN, "hello")


async def test_a_request_to_slow_down_says_for_how_long(chat: Chat, api: TelegramApi) -> None:
    api.fail("sendMessage", slow_down(17))
    with pytest.raises(ProviderUnavailable) as caught:
        await chat.send(ANN, "hello")
    assert caught.value.retry_after_seconds == 17.0


async def test_a_deleted_message_cannot_be_edited(chat: Chat) -> None:
    with pytest.raises(MessageGone):
        await chat.edit(ANN, MessageId(5), "hello")


async def test_answering_a_press_too_late_is_harmless(chat: Chat, api: TelegramApi) -> None:
    late = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    api.fail("answerCallbackQuery", Failure(code=400, description=late))
    await chat.answer("123", "Done")


async def test_a_network_that_is_down_is_an_outage_and_its_end_is_noticed(chat: Chat, api: TelegramApi) -> None:
    await api.down()
    with pytest.raises(ProviderUnavailable):
        await chat.send(ANN, "hello")
    await api.up()
    await chat.send(ANN, "hello")
    assert [message.text for message in api.to(ANN)] == ["hello"]


async def test_a_token_of_the_wrong_form_is_refused_before_any_call(aiogram_loaded: None) -> None:
    with pytest.raises(UserMistake, match="BotFather") as caught:
        await connect(Secret("not a token"))
    assert "not a token" not in str(caught.value)


async def test_a_page_of_somebody_in_between_is_an_outage(chat: Chat, api: TelegramApi) -> None:
    api.page = "Доступ ограничен".encode("cp1251")
    with pytest.raises(ProviderUnavailable):
        await chat.introduce({"help": "This list"})
    with pytest.raises(ProviderUnavailable):
        await anext(chat.updates())
    with pytest.raises(ProviderUnavailable):
        await chat.send(ANN, "Hello")
    with pytest.raises(ProviderUnavailable):
        await chat.answer("1")
    api.page = None
    await chat.send(ANN, "Hello")
