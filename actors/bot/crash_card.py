"""The one message about a process that keeps crashing: it counts instead of repeating itself. Pure."""

import msgspec

from actors.bot.button_data import Action, Intent, packed
from actors.bot.excerpt import excerpt
from actors.bot.post import Post, escaped
from deployd.domain.event import Event
from deployd.domain.ids import AppName
from deployd.ports.chat import Button

SAME_TROUBLE_MS = 10 * 60_000
"""A crash this long after the one before is news of its own."""

_LINES_ROOM = 2000


class Crashes(msgspec.Struct, frozen=True, kw_only=True):
    """Of one process of an app, without a longer pause between them; the rest is of the latest."""

    app: AppName
    process: str
    first_ms: int
    last_ms: int
    count: int
    exit: str
    release: int | None
    last_lines: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"crash {self.app} {self.process} {self.first_ms}"


def counted(event: Event, before: Crashes | None) -> Crashes:
    """`before` is what is known of the same process; it starts over after a quiet time."""
    data = event.data
    release = data.get("release")
    same = before is not None and event.time_ms - before.last_ms <= SAME_TROUBLE_MS
    return Crashes(
        app=event.app or AppName(""),
        process=process_of(event),
        first_ms=before.first_ms if same and before else event.time_ms,
        last_ms=event.time_ms,
        count=before.count + 1 if same and before else 1,
        exit=str(data.get("exit") or "ended"),
        release=release if isinstance(release, int) else None,
        last_lines=tuple(str(data.get("last_lines") or "").splitlines()),
    )


def process_of(event: Event) -> str:
    return str(event.data.get("process") or "a process")


def crash_card(crashes: Crashes) -> Post:
    app = escaped(crashes.app)
    release = f" v{crashes.release}" if crashes.release is not None else ""
    times = f" ({crashes.count} times by now)" if crashes.count > 1 else ""
    lines, _ = excerpt(crashes.last_lines, _LINES_ROOM)
    text = f"🔥 <b>{app}</b>{release}: {escaped(crashes.process)} {escaped(crashes.exit)}{times}."
    logs = Button(label="Logs", data=packed(Intent(action=Action.APP_LOGS, subject=crashes.app)))
    back = Button(label="Roll back", data=packed(Intent(action=Action.ASK_ROLLBACK, subject=crashes.app)))
    return Post(text=f"{text}\n{lines}" if lines else text, buttons=((logs, back),))
