"""BotActor: people deploy, watch and roll back from a chat, and are told when something goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, assert_never

from actors.bot.alerts import Alerts
from actors.bot.chat_line import ChatLine
from actors.bot.commands import menu
from actors.bot.conversation import Conversation
from actors.bot.pace import Pace
from actors.bot.post import Post
from actors.bot.reads import BotReads
from actors.bot.strangers import Strangers
from deployd.domain.errors import ProviderUnavailable
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName, DeploymentId
from deployd.kernel.actor import Actor
from deployd.kernel.clock import Clock
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.messages.bot import AskBotStatus, BotMessage, BotStatus, Happened, Heard, Pressed, UserId
from deployd.messages.deploy import DeployMessage
from deployd.messages.proxy import ProxyMessage
from deployd.ports.chat import Chat, ChatRefused, MessageRefused
from deployd.ports.event_log import EventFeed, EventLog

MISSED_MS: Final = 120_000
_MISSED_EVENTS: Final = 100
_REFRESHED_DEPLOYMENTS: Final = 10
_UNHEARD: Final = "The bot is still connecting."

_OF_DEPLOYMENTS: Final = (EventType.DEPLOYMENT_MOVED, EventType.DEPLOYMENT_ENDED, EventType.DEPLOYMENT_REVERTED)
_CHANGE_OTHER_CARDS: Final = (EventType.CANARY_BEGUN, EventType.DEPLOYMENT_ENDED, EventType.CERTIFICATE_ISSUED)
"""A canary that is replaced or promoted, an address that becomes https."""

ChatFactory = Callable[[], Awaitable[Chat]]
"""Makes the chat service's client; may take seconds, needs no network."""


class BotActor(Actor[BotMessage]):
    """Only `allow` is listened to. What is to be said waits, bounded, in one ChatLine for each of them."""

    def __init__(
        self,
        ref: Ref[BotMessage],
        connect: ChatFactory,
        deploy: Ref[DeployMessage],
        proxy: Ref[ProxyMessage],
        reads: BotReads,
        events: EventLog,
        allow: frozenset[int],
        clock: Clock,
        warnings: Problems,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(ref)
        self._warnings = warnings
        self._connect = connect
        self._reads = reads
        self._events = events
        self._clock = clock
        self._pace = pace or Pace()
        self._lines = {UserId(user): ChatLine(UserId(user), self._pace, clock) for user in sorted(allow)}
        self._conversation = Conversation(reads, deploy, proxy, self._follow)
        self._strangers = Strangers(clock)
        self._alerts = Alerts(reads.taken_back)
        self._chat: Chat | None = None
        self._feed: EventFeed | None = None
        self._trouble: str | None = _UNHEARD

    async def on_start(self) -> None:
        """Also shows what ended or crashed just before, since the bot starts last."""
        self._feed = self._events.subscribe()
        for deployment in await self._reads.stores.deployments.unfinished():
            self._announce(deployment.id)
        since = self._clock.now_ms() - MISSED_MS
        for event in reversed(await self._events.recent(_MISSED_EVENTS)):
            if event.time_ms >= since:
                self._note(event)
        self.spawn(self._listen(self._feed), name="listen to events")
        self.spawn(self._talk(), name="talk")

    async def handle(self, message: BotMessage) -> object:
        match message:
            case Heard() | Pressed():
                self._hear(message)
            case Happened(event=event):
                self._note(event)
            case AskBotStatus():
                return self._status()
            case _:
                assert_never(message)
        return None

    async def on_stop(self) -> None:
        self._warnings.clear(self.ref.name)
        if self._feed is not None:
            self._feed.close()
        if self._chat is not None:
            await self._chat.close()

    # With the chat service

    async def _talk(self) -> None:
        chat = self._chat = await self._connect()
        for line in self._lines.values():
            self.spawn(line.run(chat), name=f"write to {line.user}")
        failures = 0
        while True:
            try:
                await chat.introduce(menu())
                failures = 0
                self._note_trouble(None)
                async for update in chat.updates():
                    self.ref.tell(update)
            except ProviderUnavailable as outage:
                failures += 1
                self._note_trouble(str(outage))
                await asyncio.sleep(self._pace.retry_seconds(failures, outage.retry_after_seconds))

    def _note_trouble(self, trouble: str | None) -> None:
        self._trouble = trouble
        if trouble is None:
            self._warnings.clear(self.ref.name)
        else:
            self._warnings.say(self.ref.name, trouble)

    async def _listen(self, feed: EventFeed) -> None:
        while True:
            self.ref.tell(Happened(event=await feed.next()))

    # With people

    def _hear(self, said: Heard | Pressed) -> None:
        line = self._lines.get(said.user)
        if line is not None:
            line.unmute()
            self.spawn(self._answer(line, said), name=f"answer {said.user}")
            if isinstance(said, Pressed):
                self.spawn(self._end_waiting_mark(said), name=f"answer press {said.user}")
        elif (word := self._strangers.word_for(said.user)) is not None:
            self.spawn(self._refuse(said.user, word), name=f"refuse {said.user}")

    async def _answer(self, line: ChatLine, said: Heard | Pressed) -> None:
        post = await self._conversation.answer(said)
        if post is not None:
            line.say(post)

    async def _end_waiting_mark(self, press: Pressed) -> None:
        """Tried once: the mark goes by itself in time, and what matters is said in a message."""
        if self._chat is not None:
            with suppress(ProviderUnavailable, ChatRefused, MessageRefused):
                await self._chat.answer(press.press)

    async def _refuse(self, user: UserId, word: Post) -> None:
        """A courtesy, tried once."""
        if self._chat is not None:
            with suppress(ProviderUnavailable, ChatRefused, MessageRefused):
                await self._chat.send(user, word.text)

    def _follow(self, user: UserId, deployment: DeploymentId, afresh: bool) -> None:
        self._lines[user].show(deployment, lambda: self._reads.card(deployment), afresh=afresh)

    # With what happens

    def _note(self, event: Event) -> None:
        if event.type in _OF_DEPLOYMENTS:
            self._announce(DeploymentId(event.subject))
        if event.type in _CHANGE_OTHER_CARDS and event.app is not None:
            self.spawn(self._refresh(event.app), name=f"refresh cards of {event.app}")
        if (alert := self._alerts.of(event)) is not None:
            for line in self._lines.values():
                line.show(alert.key, alert.render)

    def _announce(self, deployment: DeploymentId) -> None:
        for user in self._lines:
            self._follow(user, deployment, False)

    async def _refresh(self, app: AppName) -> None:
        for deployment in await self._reads.stores.deployments.of_app(app, _REFRESHED_DEPLOYMENTS):
            for line in self._lines.values():
                line.refresh(deployment.id)

    def _status(self) -> BotStatus:
        lines = self._lines.values()
        return BotStatus(
            trouble=self._trouble,
            waiting=sum(line.waiting for line in lines),
            dropped=sum(line.dropped for line in lines),
            unreachable=tuple(line.user for line in lines if line.muted),
        )
