"""maintenance: visitors read why the app is closed, until it is opened again."""

from enum import StrEnum
from typing import Annotated

import typer

from deployd.cli.apps import AppArgument
from deployd.cli.daemon import segment
from deployd.cli.session import Session
from deployd.cli.verb import verb
from web.views import AppView


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


@verb
def maintenance(
    session: Session,
    name: AppArgument,
    switch: Annotated[Switch, typer.Argument(metavar="on|off", show_default=False)],
    text: Annotated[str | None, typer.Option(help="What visitors read; only with on.")] = None,
) -> None:
    """Show visitors a maintenance page (503) instead of an app; it stays over deployments and restarts."""
    address = f"/apps/{segment(name)}/maintenance"
    if switch is Switch.ON:
        app = session.daemon.send("PUT", address, AppView, {} if text is None else {"text": text})
        session.say(app, f"{name} is in maintenance; visitors read: {app.maintenance}")
    elif text is not None:
        raise typer.BadParameter("--text is only for `on`.")
    else:
        app = session.daemon.send("DELETE", address, AppView)
        session.say(app, f"{name} is open again.")
