"""pause and resume: an app's requests wait for a moment instead of failing."""

from typing import Annotated

import typer

from deployd.cli.apps import AppArgument
from deployd.cli.daemon import segment
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.cli.wording import seconds as in_words
from deployd.domain.route import HoldReport


@verb
def pause(
    session: Session,
    name: AppArgument,
    seconds: Annotated[float, typer.Option(min=0.1, max=30, help="After that everything goes on by itself.")] = 30.0,
) -> None:
    """Let an app's requests wait, at most 1,000 of them; they go on with: deployd resume APP."""
    session.daemon.tell("POST", f"/apps/{segment(name)}/pause", {"seconds": seconds})
    session.say(
        {"paused": name, "seconds": seconds},
        f"Requests for {name} wait for up to {seconds:g} s; let them go on with: deployd resume {name}",
    )


@verb
def resume(session: Session, name: AppArgument) -> None:
    """Let what waits for a paused app go on, in the order it came."""
    held = session.daemon.send("POST", f"/apps/{segment(name)}/resume", HoldReport)
    count = "1 request" if held.held == 1 else f"{held.held} requests"
    session.say(held, f"{count} of {name} go on; the longest wait was {in_words(held.longest_seconds)}.")
