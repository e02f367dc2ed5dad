"""Certificates in trouble: told once a day for each reason, and that it is over in the same message."""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from actors.bot.button_data import Action, Intent, packed
from actors.bot.post import Post, escaped
from deployd.domain.event import Event, EventType
from deployd.domain.ids import SYSTEM_APP
from deployd.ports.chat import Button

SAME_NEWS_MS: Final = 86_400_000
_MOST_NAMES = 500
_NUMBER = re.compile(r"\d+")


class CertificateAlerts:
    """Of each name the newest alert, and when each reason was told last."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, int]] = {}
        self._shown: dict[str, tuple[str, Post]] = {}

    def of(self, event: Event) -> tuple[str, Post] | None:
        """The key of a message and what it shows from now on; None when there is nothing to tell."""
        if event.type is EventType.CERTIFICATE_ISSUED:
            return self._over(event.subject)
        if not self._is_news(event):
            return None
        post = trouble_post(event)
        self._shown[event.subject] = (f"certificate {event.id}", post)
        return self._shown[event.subject]

    def _is_news(self, event: Event) -> bool:
        told = self._told.pop(event.subject, {})
        told = {reason: at for reason, at in told.items() if event.time_ms - at < SAME_NEWS_MS}
        reason = _reason(event)
        news = reason not in told
        if news:
            told[reason] = event.time_ms
        self._told[event.subject] = told  # At the end: the names of which nothing is heard any more give way.
        if len(self._told) > _MOST_NAMES:
            gone = next(iter(self._told))
            del self._told[gone]
            self._shown.pop(gone, None)
        return news

    def _over(self, name: str) -> tuple[str, Post] | None:
        self._told.pop(name, None)
        if (shown := self._shown.pop(name, None)) is None:
            return None
        key, post = shown
        return key, msgspec.structs.replace(post, text=f"{post.text}\n✅ It was issued since.")


def trouble_post(event: Event) -> Post:
    app, name, data = event.app or SYSTEM_APP, escaped(event.subject), event.data
    reason = escaped(str(data.get("reason") or "There is no newer one yet."))
    if event.type is EventType.CERTIFICATE_EXPIRING:
        verb = "expired" if _has_expired(event) else "expires"
        day = _stamp(data.get("not_after_ms"), "%d %b %Y")
        text = f"⚠️ <b>{escaped(app)}</b>: the certificate for {name} {verb} on {day}.\n{reason}"
    else:
        again = _stamp(data.get("try_ms"), "%d %b %H:%M UTC")
        text = f"🔓 <b>{escaped(app)}</b>: no certificate for {name} yet.\n{reason}\nThe next try is on {again}."
    if app == SYSTEM_APP:
        return Post(text=text)
    logs = Button(label="Logs", data=packed(Intent(action=Action.APP_LOGS, subject=app)))
    return Post(text=text, buttons=((logs,),))


def _reason(event: Event) -> str:
    """Numbers are left out: two reasons that differ in a time or a count are the same to a person."""
    return f"{event.type} {_has_expired(event)} {_NUMBER.sub('#', str(event.data.get('reason')))}"


def _has_expired(event: Event) -> bool:
    end = event.data.get("not_after_ms")
    return isinstance(end, int) and end <= event.time_ms


def _stamp(time_ms: object, form: str) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime(form) if isinstance(time_ms, int) else "a later day"
