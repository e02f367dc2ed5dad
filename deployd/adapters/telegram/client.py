"""The Bot API behind the Chat port, on aiogram. Imports aiogram, so only `connect` imports this."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import EditMessageText, SendMessage, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
)
from aiogram.utils.token import TokenValidationError

from deployd.adapters.telegram.failure import Failure, Refusal, refusal_of, translated
from deployd.adapters.telegram.markup import cut, plain
from deployd.adapters.telegram.updates import understood
from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.messages.bot import Heard, MessageId, Pressed, UserId
from deployd.ports.chat import Button, Buttons, MessageRefused

CALL_SECONDS: Final = 15
POLL_SECONDS: Final = 25
ANSWER_CHARS: Final = 200

Content = dict[str, Any]
"""The fields that SendMessage and EditMessageText have in common."""


RawUpdate = dict[str, Any]


class _GetRawUpdates(TelegramMethod[list[RawUpdate]]):
    """Without aiogram's models, which refuse all updates of a poll when they do not know a part of one."""

    __returning__ = list[RawUpdate]
    __api_method__ = "getUpdates"

    offset: int | None
    timeout: int = POLL_SECONDS
    allowed_updates: list[str] = ["message", "callback_query"]  # noqa: RUF012 - a field of a pydantic model


class TelegramChat:
    """A Chat. Polls by itself, without aiogram's Dispatcher: cancelling the iteration is all it takes to stop.

    Only one-to-one chats are heard; there the id of the chat is the id of the user.
    """

    def __init__(self, token: Secret, api_url: str | None = None) -> None:
        server = PRODUCTION if api_url is None else TelegramAPIServer.from_base(api_url)
        try:
            self._bot = Bot(token.reveal(), session=AiohttpSession(api=server))
        except TokenValidationError as error:
            raise UserMistake(
                "The Telegram bot token is not of the form 123456:ABC; copy it from @BotFather."
            ) from error
        self._offset: int | None = None

    async def introduce(self, commands: Mapping[str, str]) -> None:
        menu = [BotCommand(command=name, description=about) for name, about in commands.items()]
        try:
            await self._bot.set_my_commands(menu, BotCommandScopeAllPrivateChats(), request_timeout=CALL_SECONDS)
        except Failure as error:
            raise translated(error) from error

    async def updates(self) -> AsyncIterator[Heard | Pressed]:
        while True:
            for raw in await self._poll():
                # The next poll confirms it, understood or not: what makes no sense to us must not come back for ever.
                self._offset = raw["update_id"] + 1
                update = understood(raw)
                if update is not None:
                    yield update

    async def send(self, user: UserId, text: str, buttons: Buttons = ()) -> MessageId:
        sent = await self._deliver(lambda content: SendMessage(chat_id=user, **content), text, buttons)
        return MessageId(sent.message_id)

    async def edit(self, user: UserId, message: MessageId, text: str, buttons: Buttons = ()) -> None:
        try:
            await self._deliver(
                lambda content: EditMessageText(chat_id=user, message_id=message, **content), text, buttons
            )
        except MessageRefused as error:
            if refusal_of(error.__cause__) is not Refusal.UNCHANGED:
                raise

    async def answer(self, press: str, text: str | None = None) -> None:
        try:
            await self._bot.answer_callback_query(
                press, text=text and text[:ANSWER_CHARS], request_timeout=CALL_SECONDS
            )
        except Failure as error:
            if refusal_of(error) is not Refusal.TOO_LATE:
                raise translated(error) from error

    async def close(self) -> None:
        await self._bot.session.close()

    async def _poll(self) -> list[RawUpdate]:
        try:
            return await self._bot(_GetRawUpdates(offset=self._offset), request_timeout=POLL_SECONDS + CALL_SECONDS)
        except Failure as error:
            raise translated(error) from error

    async def _deliver(
        self, method: Callable[[Content], TelegramMethod[TelegramType]], text: str, buttons: Buttons
    ) -> TelegramType:
        """Gives up finery rather than the message: markup that is not understood, links that Telegram does not open."""
        content = _content(text, buttons)
        while True:
            try:
                return await self._bot(method(content), request_timeout=CALL_SECONDS)
            except TelegramBadRequest as error:
                poorer = _without_finery(content, refusal_of(error), text, buttons)
                if poorer == content:
                    raise translated(error) from error
                content = poorer
            except Failure as error:
                raise translated(error) from error


def _content(text: str, buttons: Buttons) -> Content:
    content = {"link_preview_options": LinkPreviewOptions(is_disabled=True), "reply_markup": _keyboard(buttons)}
    words = plain(text)
    short = cut(words)
    return content | ({"text": text, "parse_mode": "HTML"} if short == words else {"text": short, "parse_mode": None})


def _without_finery(content: Content, refusal: Refusal, text: str, buttons: Buttons) -> Content:
    if refusal is Refusal.MARKUP:
        return content | {"text": cut(plain(text)), "parse_mode": None}
    if refusal is Refusal.LINK:
        return content | {"reply_markup": _keyboard(buttons, links=False)}
    return content


def _keyboard(buttons: Buttons, links: bool = True) -> InlineKeyboardMarkup | None:
    rows = [[_key(button) for button in row if links or button.url is None] for row in buttons]
    shown = [row for row in rows if row]
    return InlineKeyboardMarkup(inline_keyboard=shown) if shown else None


def _key(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=button.label, callback_data=button.data, url=button.url)
