"""People who are not allowed: each is told so once in a while, and nothing else."""

from actors.bot.post import Post, sentence
from deployd.kernel.clock import Clock
from deployd.messages.bot import UserId

QUIET_SECONDS = 3600.0
MOST_AT_ONCE = 100


class Strangers:
    """At most one sentence an hour for each, and to at most 100 of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[UserId, float] = {}

    def word_for(self, user: UserId) -> Post | None:
        """None: they have been told."""
        now = self._clock.monotonic()
        self._told = {known: at for known, at in self._told.items() if now - at < QUIET_SECONDS}
        if user in self._told or len(self._told) >= MOST_AT_ONCE:
            return None
        self._told[user] = now
        return sentence(f"Sorry, I do not know you: ask my owner to allow your Telegram user id, {user}.")
