"""A message as it should look, before anyone has seen it."""

import html

import msgspec

from deployd.messages.bot import MessageId
from deployd.ports.chat import Buttons


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is HTML as the Chat port has it; `replaces` is the message that turns into this one.

    A card with `again_seconds` is about something that changes all the time: it is rendered anew after those.
    """

    text: str
    buttons: Buttons = ()
    replaces: MessageId | None = None
    again_seconds: float | None = None


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def sentence(text: str, replaces: MessageId | None = None) -> Post:
    """Plain words, as they are."""
    return Post(text=escaped(text), replaces=replaces)
