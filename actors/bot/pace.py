"""How fast the bot talks, and how long it waits when it is not heard."""

import random

import msgspec

from deployd.kernel.backoff import Backoff


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """`edit_seconds` lie between two cards of a chat, `look_seconds` between two looks at figures that change.

    Telegram takes about one message a second in a chat, and edits count.
    """

    edit_seconds: float = 1.0
    look_seconds: float = 5.0
    retry: Backoff = Backoff(first_seconds=1.0, cap_seconds=60.0, jitter=0.25)

    def retry_seconds(self, failures: int, asked_for: float | None = None) -> float:
        """After so many failures in a row; what the service asked for when it did."""
        return self.retry.delay(failures, random.random) if asked_for is None else asked_for
