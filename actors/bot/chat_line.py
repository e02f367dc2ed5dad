"""Everything that is to be said to one person, in order, until the chat service has taken it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from actors.bot.pace import Pace
from actors.bot.post import Post, sentence
from deployd.domain.errors import ProviderUnavailable
from deployd.kernel.clock import Clock
from deployd.messages.bot import MessageId, UserId
from deployd.ports.chat import Buttons, Chat, ChatRefused, MessageGone, MessageRefused

MAX_POSTS = 100
MAX_CARDS = 100

Render = Callable[[], Awaitable[Post | None]]
"""What a card should show right now; None when it is about nothing any more."""


class Card:
    """A message that follows something: edited in place, always rendered anew when its turn comes."""

    def __init__(self, key: str, render: Render) -> None:
        self.key = key
        self.render = render
        self.message: MessageId | None = None
        self.shown: tuple[str, Buttons] | None = None
        self.dirty = True
        self.due = 0.0
        self.again: float | None = None
        """When it is rendered anew even if nothing was heard."""

    @property
    def next_at(self) -> float | None:
        return self.due if self.dirty else self.again


class ChatLine:
    """Posts are sent in order and go first, cards one per `Pace.edit_seconds`; both are retried until they are taken.

    Bounded: when the service is away for long the oldest are dropped, counted, and their number is told afterwards.
    """

    def __init__(self, user: UserId, pace: Pace, clock: Clock) -> None:
        self.user = user
        self.muted = False
        self.dropped = 0
        self._untold_drops = 0
        self._pace = pace
        self._clock = clock
        self._posts: deque[Post] = deque()
        self._cards: dict[str, Card] = {}
        self._bell = asyncio.Event()
        self._next_card_at = 0.0

    @property
    def waiting(self) -> int:
        return len(self._posts) + sum(card.dirty for card in self._cards.values())

    def say(self, post: Post) -> None:
        if self.muted:
            return
        if len(self._posts) >= MAX_POSTS:
            self._posts.popleft()
            self._count_drop()
        self._posts.append(post)
        self._bell.set()

    def show(self, key: str, render: Render, *, afresh: bool = False) -> None:
        """Brings the card of `key` up to date, or starts it; `afresh` puts a new message at the end of the chat."""
        if self.muted:
            return
        card = self._cards.pop(key, None)
        if card is None or afresh:
            card = Card(key, render)
        card.render = render
        card.dirty = True
        self._cards[key] = card  # at the end: the order is that of use
        if len(self._cards) > MAX_CARDS:
            self._evict()
        self._bell.set()

    def refresh(self, key: str) -> None:
        """Brings the card of `key` up to date if there is one."""
        if (card := self._cards.get(key)) is not None:
            card.dirty = True
            self._bell.set()

    def unmute(self) -> None:
        self.muted = False

    async def run(self, chat: Chat) -> None:
        """Says what there is to say, until cancelled."""
        failures = 0
        while True:
            item = await self._next()
            try:
                await self._deliver(chat, item)
                failures = 0
                self._tell_drops()
            except ProviderUnavailable as outage:
                failures += 1
                self._put_back(item)
                await asyncio.sleep(self._pace.retry_seconds(failures, outage.retry_after_seconds))
            except ChatRefused:
                self._mute()
            except MessageRefused:
                self.dropped += 1  # malformed for good: retrying it would hold up all that follows

    async def _next(self) -> Post | Card:
        while True:
            if self._posts:
                return self._posts.popleft()
            waiting = [(at, card) for card in self._cards.values() if (at := card.next_at) is not None]
            at, card = min(waiting, key=lambda one: one[0], default=(None, None))
            wait = None if at is None else max(at, self._next_card_at) - self._clock.monotonic()
            if card is not None and wait is not None and wait <= 0:
                return card
            self._bell.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    async def _deliver(self, chat: Chat, item: Post | Card) -> None:
        if isinstance(item, Post):
            await self._put(chat, item, item.replaces)
            return
        item.dirty = False  # before rendering: what changes from here on makes it dirty again
        item.again = None
        post = await item.render()
        if post is not None and (post.text, post.buttons) != item.shown:
            item.message = await self._put(chat, post, item.message)
            item.shown = (post.text, post.buttons)
            self._next_card_at = self._clock.monotonic() + self._pace.edit_seconds
        now, again = self._clock.monotonic(), None if post is None else post.again_seconds
        item.due = now + self._pace.edit_seconds
        item.again = None if again is None else now + max(again, self._pace.look_seconds)

    async def _put(self, chat: Chat, post: Post, message: MessageId | None) -> MessageId:
        if message is not None:
            with suppress(MessageGone):
                await chat.edit(self.user, message, post.text, post.buttons)
                return message
        return await chat.send(self.user, post.text, post.buttons)

    def _put_back(self, item: Post | Card) -> None:
        if isinstance(item, Post):
            self._posts.appendleft(item)
            return
        item.dirty = True
        if item.key not in self._cards:
            self._count_drop()  # it had to make room while it was on its way

    def _mute(self) -> None:
        self.muted = True
        self._posts.clear()
        self._cards.clear()

    def _evict(self) -> None:
        """The card that has rested longest goes; one that was never delivered counts as dropped."""
        key = next((key for key, card in self._cards.items() if not card.dirty), next(iter(self._cards)))
        if self._cards.pop(key).dirty:
            self._count_drop()

    def _tell_drops(self) -> None:
        """Only once something has got through, so that a long outage does not fill the line with such notices."""
        if self._untold_drops:
            lost, self._untold_drops = self._untold_drops, 0
            self._posts.appendleft(sentence(f"{lost} older messages could not be delivered and were dropped."))

    def _count_drop(self) -> None:
        self.dropped += 1
        self._untold_drops += 1
