"""What actors send one another: facts and commands (Message), and questions (Request)."""

from typing import Generic, TypeVar

import msgspec

Reply = TypeVar("Reply", covariant=True)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A doorbell: it carries ids, the database row is the truth."""


class Request(Message, Generic[Reply], frozen=True, kw_only=True):
    """A message whose sender waits for a `Reply` or for the error that `handle` raised."""
