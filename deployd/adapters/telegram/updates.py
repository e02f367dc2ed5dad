"""Reads what people did out of Telegram's updates: only the few fields that matter, so that nothing else can be wrong.

Telegram adds kinds of messages all the time, and one that makes a whole poll fail would come back with the next.
"""

from typing import Any

import msgspec

from deployd.messages.bot import Heard, MessageId, Pressed, UserId

PRIVATE = "private"


class _User(msgspec.Struct, frozen=True):
    id: int


class _Chat(msgspec.Struct, frozen=True):
    type: str


class _Message(msgspec.Struct, frozen=True):
    """Also one that is too old to be read: it still has its id and its chat."""

    message_id: int
    chat: _Chat
    from_: _User | None = msgspec.field(default=None, name="from")
    text: str | None = None


class _Press(msgspec.Struct, frozen=True):
    id: str
    from_: _User = msgspec.field(name="from")
    message: _Message | None = None
    data: str | None = None


class _Update(msgspec.Struct, frozen=True):
    message: _Message | None = None
    callback_query: _Press | None = None


def understood(raw: dict[str, Any]) -> Heard | Pressed | None:
    """None when it is nothing that we act on: only text and buttons in a one-to-one chat are."""
    try:
        update = msgspec.convert(raw, _Update)
    except msgspec.ValidationError:
        return None
    return _heard(update.message) or _pressed(update.callback_query)


def _heard(message: _Message | None) -> Heard | None:
    if message is None or message.from_ is None or not message.text or message.chat.type != PRIVATE:
        return None
    return Heard(user=UserId(message.from_.id), text=message.text)


def _pressed(press: _Press | None) -> Pressed | None:
    if press is None or press.message is None or not press.data or press.message.chat.type != PRIVATE:
        return None
    message = MessageId(press.message.message_id)
    return Pressed(press=press.id, user=UserId(press.from_.id), message=message, data=press.data)
