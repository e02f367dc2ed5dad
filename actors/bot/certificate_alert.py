"""Certificates in trouble: each name once a day for a reason, in one message with others that have the same trouble."""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from actors.bot.button_data import Action, Intent, packed
from actors.bot.post import Post, escaped
from deployd.domain.event import Event, EventType
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.ports.chat import Button, Buttons

SAME_NEWS_MS: Final = 86_400_000
TOGETHER_MS: Final = 600_000
_MOST_NAMES = 500
_MOST_TROUBLES = 100
_SHOWN_NAMES = 5
_LONGEST_REASON = 600
_NUMBER = re.compile(r"\d+")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Of all `apps` by name, the first of which was `first`; those in `over` got a certificate since."""

    reason: str
    first: Event
    apps: dict[str, AppName]
    over: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return f"certificate {self.first.id}"


class CertificateAlerts:
    """Bounded: of names and troubles that were not heard of for longest nothing is known any more."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, int]] = {}
        self._troubles: dict[str, Trouble] = {}

    def of(self, event: Event) -> Trouble | None:
        """What there is to tell from now on, under its key; None when nothing is new."""
        if event.type is EventType.CERTIFICATE_ISSUED:
            return self._over(event.subject)
        reason = _reason(event)
        if not self._is_news(event, reason):
            return None
        trouble = self._same(event, reason) or Trouble(reason=reason, first=event, apps={})
        apps = {**trouble.apps, event.subject: event.app or SYSTEM_APP}
        return self._keep(msgspec.structs.replace(trouble, apps=apps, over=trouble.over - {event.subject}))

    def _same(self, event: Event, reason: str) -> Trouble | None:
        """What others had just now."""
        for trouble in reversed(self._troubles.values()):
            if trouble.reason == reason and event.time_ms - trouble.first.time_ms <= TOGETHER_MS:
                return trouble
        return None

    def _keep(self, trouble: Trouble) -> Trouble:
        self._troubles[trouble.key] = trouble
        if len(self._troubles) > _MOST_TROUBLES:
            del self._troubles[next(iter(self._troubles))]
        return trouble

    def _is_news(self, event: Event, reason: str) -> bool:
        told = self._told.pop(event.subject, {})
        told = {known: at for known, at in told.items() if event.time_ms - at < SAME_NEWS_MS}
        news = reason not in told
        self._told[event.subject] = told | {reason: event.time_ms} if news else told
        if len(self._told) > _MOST_NAMES:
            del self._told[next(iter(self._told))]
        return news

    def _over(self, name: str) -> Trouble | None:
        """In the newest message that has the name."""
        self._told.pop(name, None)
        for trouble in reversed(self._troubles.values()):
            if name in trouble.apps.keys() - trouble.over:
                return self._keep(msgspec.structs.replace(trouble, over=trouble.over | {name}))
        return None


def trouble_post(trouble: Trouble) -> Post:
    first, data = trouble.first, trouble.first.data
    reason = str(data.get("reason") or "There is no newer one yet.")
    lines = [_headline(trouble), escaped(reason[:_LONGEST_REASON])]
    if first.type is EventType.CERTIFICATE_FAILED and not trouble.over:
        lines.append(f"The next try is on {_stamp(data.get('try_ms'), '%d %b %H:%M UTC')}.")
    if trouble.over:
        everything = len(trouble.over) == len(trouble.apps)
        lines.append("✅ Issued since." if everything else f"✅ Issued since: {_listed(sorted(trouble.over))}.")
    return Post(text="\n".join(lines), buttons=_buttons(set(trouble.apps.values())))


def _headline(trouble: Trouble) -> str:
    event, names = trouble.first, list(trouble.apps)
    app, listed, several = escaped(trouble.apps[names[0]]), _listed(names), f"{len(names)} names"
    if event.type is EventType.CERTIFICATE_FAILED:
        if len(names) == 1:
            return f"🔓 <b>{app}</b>: no certificate for {listed} yet."
        return f"🔓 No certificates yet for {several}: {listed}."
    day = _stamp(event.data.get("not_after_ms"), "%d %b %Y")
    if len(names) == 1:
        return (
            f"⚠️ <b>{app}</b>: the certificate for {listed} {'expired' if _has_expired(event) else 'expires'} on {day}."
        )
    return f"⚠️ The certificates for {several} {'expired' if _has_expired(event) else 'expire'} about {day}: {listed}."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return escaped(", ".join(names[:_SHOWN_NAMES])) + more


def _buttons(apps: set[AppName]) -> Buttons:
    if len(apps) != 1 or SYSTEM_APP in apps:
        return ()
    return ((Button(label="Logs", data=packed(Intent(action=Action.APP_LOGS, subject=apps.pop()))),),)


def _reason(event: Event) -> str:
    """Without the name and any numbers: what differs in a time or a count only is the same to a person."""
    reason = str(event.data.get("reason")).replace(event.subject, "")
    return f"{event.type} {_has_expired(event)} {_NUMBER.sub('#', reason)}"


def _has_expired(event: Event) -> bool:
    end = event.data.get("not_after_ms")
    return isinstance(end, int) and end <= event.time_ms


def _stamp(time_ms: object, form: str) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime(form) if isinstance(time_ms, int) else "a later day"
