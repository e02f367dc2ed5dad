"""What people are told without having asked: crashes, releases that were taken back, certificates in trouble."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from actors.bot.canary_card import aborted_post
from actors.bot.certificate_alert import CertificateAlerts, trouble_post
from actors.bot.chat_line import Render
from actors.bot.crash_card import Crashes, counted, crash_card, process_of
from actors.bot.post import Post
from deployd.domain.deployment import Outcome
from deployd.domain.event import Event, EventType

_MOST_PROCESSES: Final = 200

Setback = Callable[[str], Awaitable[Post | None]]
"""What is to be told of a deployment whose release lost the traffic again; None when it was a canary."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Of one `key` there is one message."""

    key: str
    render: Render


class Alerts:
    def __init__(self, setback: Setback) -> None:
        self._setback = setback
        self._crashes: dict[tuple[str | None, str], Crashes] = {}
        self._certificates = CertificateAlerts()

    def of(self, event: Event) -> Alert | None:
        match event.type:
            case EventType.INSTANCE_CRASHED:
                crashes = self._count(event)
                return _fixed(crashes.key, crash_card(crashes))
            case EventType.DEPLOYMENT_REVERTED:
                return self._taken_back(event)
            case EventType.DEPLOYMENT_ENDED if event.data.get("outcome") == Outcome.REVERTED:
                return self._taken_back(event)
            case EventType.CANARY_ABORTED if event.data.get("automatic"):
                return _fixed(f"aborted {event.subject}", aborted_post(event))
            case EventType.CERTIFICATE_FAILED | EventType.CERTIFICATE_EXPIRING | EventType.CERTIFICATE_ISSUED:
                trouble = self._certificates.of(event)
                return None if trouble is None else _fixed(trouble.key, trouble_post(trouble))
            case _:
                return None

    def _count(self, event: Event) -> Crashes:
        process = (event.app, process_of(event))
        crashes = counted(event, self._crashes.pop(process, None))
        self._crashes[process] = crashes
        if len(self._crashes) > _MOST_PROCESSES:
            del self._crashes[next(iter(self._crashes))]
        return crashes

    def _taken_back(self, event: Event) -> Alert:
        return Alert(key=f"taken back {event.subject}", render=partial(self._setback, event.subject))


def _fixed(key: str, post: Post) -> Alert:
    async def render() -> Post:
        return post

    return Alert(key=key, render=render)
