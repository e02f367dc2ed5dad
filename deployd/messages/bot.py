"""What BotActor can be told."""

from typing import NewType

import msgspec

from deployd.domain.event import Event
from deployd.kernel.message import Message, Request

UserId = NewType("UserId", int)
MessageId = NewType("MessageId", int)


class Heard(Message, frozen=True, kw_only=True):
    """A person wrote something to the bot."""

    user: UserId
    text: str


class Pressed(Message, frozen=True, kw_only=True):
    """A person pressed a button of `message`; `press` is what `Chat.answer` wants."""

    press: str
    user: UserId
    message: MessageId
    data: str


class Happened(Message, frozen=True, kw_only=True):
    """From BotActor's own subscription to the event feed."""

    event: Event


class BotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`trouble` is why the chat service is not being heard right now; None when all is well.

    `waiting` messages are still to be sent, `dropped` ones never will be; `unreachable` people blocked the bot or never
    started it.
    """

    trouble: str | None
    waiting: int
    dropped: int
    unreachable: tuple[UserId, ...]


class AskBotStatus(Request[BotStatus], frozen=True, kw_only=True):
    """How the chat service is being heard; its trouble also stands among the warnings of /readyz."""


BotMessage = Heard | Pressed | Happened | AskBotStatus
