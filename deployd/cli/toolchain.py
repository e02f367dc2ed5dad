"""toolchain add: node, pnpm, python… fetched ahead of the first build that needs it."""

from typing import Annotated

import typer

from deployd.cli.session import Session
from deployd.cli.verb import verb
from web.views import FetchedTool

_FETCH_SECONDS = 660.0
"""Longer than what the registries are given."""

toolchain = typer.Typer(no_args_is_help=True)

ToolArgument = Annotated[str, typer.Argument(metavar="NAME", help="node, npm, pnpm, yarn, bun, deno, python or uv.")]
WantedArgument = Annotated[str, typer.Argument(metavar="VERSION", help="A version or range, such as 22 or '>=20 <23'.")]


@toolchain.command("add")
@verb
def add_toolchain(session: Session, name: ToolArgument, wanted: WantedArgument = "") -> None:
    """Fetch a tool now; a build that needs it and does not find it fetches it by itself."""
    order = {"name": name, "wanted": wanted}
    fetched = session.daemon.send("POST", "/toolchains", FetchedTool, order, seconds=_FETCH_SECONDS)
    session.say(
        fetched, "\n".join([*fetched.said, f"Builds can use {fetched.name} {fetched.version}.".replace(" .", ".")])
    )
