"""Talks with people, each in a chat of their own: what BotActor needs of a chat service."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from deployd.domain.errors import DeploydError
from deployd.messages.bot import Heard, MessageId, Pressed, UserId

MAX_UNITS = 4096
"""The longest text of a message, in UTF-16 code units and without its markup."""

MAX_BUTTON_DATA = 64
"""The longest `Button.data`, in bytes of UTF-8."""


class ChatRefused(DeploydError):
    """This person does not let us write to them: stop until they speak first."""


class MessageGone(DeploydError):
    """The message to edit was deleted or is too old: send a new one."""


class MessageRefused(DeploydError):
    """The service will never take this message as it is: drop it."""


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """Either comes back as Pressed with `data`, or opens `url`."""

    label: str
    data: str | None = None
    url: str | None = None


Buttons = tuple[tuple[Button, ...], ...]
"""Rows of buttons under a message."""


class Chat(Protocol):
    """Texts are HTML with only <b>, <i>, <code> and <pre>. Every call has its own deadline.

    Raises ProviderUnavailable when the service did not do it but may later, ChatRefused when this person does not let
    us write, MessageRefused when this message is malformed, UserMistake when the token is wrong.
    """

    async def introduce(self, commands: Mapping[str, str]) -> None:
        """Checks the token and publishes the menu of commands (name → what it does)."""
        ...

    def updates(self) -> AsyncIterator[Heard | Pressed]:
        """What people do from now on; after an error, iterating anew goes on where it ended."""
        ...

    async def send(self, user: UserId, text: str, buttons: Buttons = ()) -> MessageId: ...

    async def edit(self, user: UserId, message: MessageId, text: str, buttons: Buttons = ()) -> None:
        """Harmless when nothing differs. Raises MessageGone."""
        ...

    async def answer(self, press: str, text: str | None = None) -> None:
        """Ends the waiting mark on a pressed button, with a short notice; harmless when it is too late for that."""
        ...

    async def close(self) -> None: ...


def units(text: str) -> int:
    """The length of `text` as MAX_UNITS counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
