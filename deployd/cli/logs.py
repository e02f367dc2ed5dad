"""logs: stored lines of an app, and with -f those to come."""

import time
from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from deployd.cli.apps import AppArgument
from deployd.cli.daemon import Daemon, segment
from deployd.cli.failure import DaemonUnreachable
from deployd.cli.screen import say_to_stderr
from deployd.cli.session import Session
from deployd.cli.table import Cell
from deployd.cli.verb import verb
from deployd.cli.wording import STYLES, clock_time
from deployd.domain.log_line import Level, LogLine, Source
from web.views import LineList

_RECONNECT_SECONDS = 0.5
_GIVE_UP_SECONDS = 60.0


class MissedLines(msgspec.Struct, frozen=True, kw_only=True):
    first: int
    last: int
    count: int


class TailFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the live tail: lines, or lines that were too many for this viewer."""

    lines: tuple[LogLine, ...] = ()
    gap: MissedLines | None = None


@verb
def logs(
    session: Session,
    name: AppArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    level: Annotated[Level, typer.Option(help="The lowest level shown.")] = Level.DEBUG,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=5000, help="How many stored lines.")] = 100,
    deployment: Annotated[str | None, typer.Option(help="Only lines of this deployment.")] = None,
) -> None:
    """Show an app's lines; with --json one JSON document a line. `deployd logs deployd` shows the daemon's own."""
    newest = _newest(session, name) if follow else 0
    stored = session.daemon.get(
        f"/apps/{segment(name)}/logs", LineList, limit=max(lines, 1), level=level, deployment=deployment
    ).lines
    for line in stored[len(stored) - min(lines, len(stored)) :]:
        show_line(session, line)
    if follow:
        after = max(newest, stored[-1].seq if stored else 0)
        for frame in _frames(session.daemon, name, level, deployment, after):
            _show_frame(session, frame)


def show_line(session: Session, line: LogLine) -> None:
    if session.as_json:
        session.document(line)
        return
    where = line.process or line.source.value
    session.screen.line(
        Cell(clock_time(line.time_ms), "dim"),
        " ",
        Cell(f"{where:<8}", "cyan" if line.source is Source.APP else "magenta"),
        " ",
        Cell(line.text, STYLES[line.level]),
        fold=False,
    )


def _newest(session: Session, name: str) -> int:
    newest = session.daemon.get(f"/apps/{segment(name)}/logs", LineList, limit=1).lines
    return newest[-1].seq if newest else 0


def _show_frame(session: Session, frame: TailFrame) -> None:
    if frame.gap is not None:
        say_to_stderr(f"({frame.gap.count} lines, {frame.gap.first} to {frame.gap.last}, were too fast to show)")
    for line in frame.lines:
        show_line(session, line)


def _frames(daemon: Daemon, name: str, level: Level, deployment: str | None, after: int) -> Iterator[TailFrame]:
    """Goes on where it was when the daemon restarts; DaemonUnreachable when it stays away."""
    lost_since: float | None = None
    while True:
        try:
            with daemon.stream("/logs/events", app=name, level=level, deployment=deployment, after=after) as stream:
                for payload in stream:
                    lost_since = None
                    frame = msgspec.json.decode(payload, type=TailFrame)
                    after = frame.lines[-1].seq if frame.lines else after
                    yield frame
        except DaemonUnreachable:
            if lost_since is not None and time.monotonic() - lost_since > _GIVE_UP_SECONDS:
                raise
        if lost_since is None:
            lost_since = time.monotonic()
            say_to_stderr("(the connection to deployd ended; waiting for it to come back)")
        time.sleep(_RECONNECT_SECONDS)
