"""reload: a new process takes over from the daemon, with no refused connection."""

import time

from deployd.cli.daemon import Daemon
from deployd.cli.failure import DaemonUnreachable, Failure
from deployd.cli.session import Session
from deployd.cli.verb import verb
from web.views import ReloadView, StatusView

_TAKEN_OVER_SECONDS = 90.0
_INTERVAL_SECONDS = 0.1


@verb
def reload(session: Session) -> None:
    """Let a new process of deployd, with newer code or settings, take over without refusing a connection."""
    now = take_over(session.daemon)
    session.say(now, f"deployd {now.version} has taken over as process {now.pid}.")


def take_over(daemon: Daemon) -> StatusView:
    """Returns when a new process serves. Failure when none does in time."""
    before = daemon.send("POST", "/reload", ReloadView).pid
    give_up = time.monotonic() + _TAKEN_OVER_SECONDS
    while time.monotonic() < give_up:
        time.sleep(_INTERVAL_SECONDS)
        try:
            now = daemon.get("/status", StatusView)
        except DaemonUnreachable:
            continue
        if now.pid != before and now.settled:
            return now
    raise Failure(
        f"No new process has taken over within {_TAKEN_OVER_SECONDS:g} s; `deployd logs deployd` may say why."
    )
