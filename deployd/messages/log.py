"""What LogActor can be told, and the live tail it hands out."""

from typing import Protocol

import msgspec

from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, NewLine, Position, Source
from deployd.domain.secret import Secret
from deployd.kernel.message import Message, Request


class AppendLines(Message, frozen=True, kw_only=True):
    """Store and show these lines; redacted on the way. Lines of one message may belong to several apps."""

    lines: tuple[NewLine, ...]


class AppendAt(Request[int], frozen=True, kw_only=True):
    """Like AppendLines, answered when the lines and the reader's new position are durable in one transaction.

    The answer is the file's stored position: another than the one asked for means that nothing was stored, since the
    reader did not begin where the stored lines end; it is to go on from there.
    """

    lines: tuple[NewLine, ...]
    position: Position


class RememberSecrets(Message, frozen=True, kw_only=True):
    """From now on these values (all that the app has) become `[redacted]` in the app's lines."""

    app: AppName
    secrets: tuple[Secret, ...]


class ForgetApp(Message, frozen=True, kw_only=True):
    """The app was removed: delete its lines."""

    app: AppName


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag="gap"):
    """This viewer was too slow: `count` lines of `app`, first to last sequence number, were not sent to it."""

    app: AppName
    first: int
    last: int
    count: int


class LogTail(Protocol):
    """One viewer's bounded queue of what happens from now on."""

    async def next_batch(self) -> list[LogLine | Gap]:
        """Waits for the next lines, in order, at most a few hundred at once; [] once the tail is closed."""
        ...

    def close(self) -> None: ...


class OpenTail(Request[LogTail], frozen=True, kw_only=True):
    """A tail of one app or of all (None), of lines at or above `level`, of one deployment or source when named.

    `after` first replays what was stored since that sequence number of `app`, then goes on without hole or duplicate.
    For a tail of all apps it is a number of `after_app`, and what every app stored later is replayed.
    """

    app: AppName | None = None
    level: Level = Level.DEBUG
    deployment: str | None = None
    source: Source | None = None
    after: int | None = None
    after_app: AppName | None = None


LogMessage = AppendLines | AppendAt | RememberSecrets | ForgetApp | OpenTail
