"""export: apps that were made by command, as tables for deployd.toml."""

import sys
from typing import Annotated

import typer

from deployd.cli.daemon import segment
from deployd.cli.session import Session
from deployd.cli.verb import verb


@verb
def export(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="[APP]", help="Only this one.", show_default=False)] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="With env values and URLs that hold credentials.")] = False,
) -> None:
    """Write the apps made by command as TOML: appended to deployd.toml, it gives them to the file."""
    path = "/export" if name is None else f"/apps/{segment(name)}/export"
    text = session.daemon.text(path, secrets=str(secrets).lower())
    if session.as_json:
        session.say({"toml": text}, text)
    else:
        sys.stdout.write(text)
        if not text:
            sys.stderr.write("No app was made by command.\n")
