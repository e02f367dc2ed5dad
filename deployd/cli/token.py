"""token create, list and revoke: API tokens for programs and browsers that are not on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployd.cli.apps import plain_table
from deployd.cli.daemon import segment
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.cli.wording import ago
from web.views import NewToken, TokenList

if TYPE_CHECKING:
    from rich.console import Console

token = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Who or what uses it.", show_default=False)]


@token.command("create")
@verb
def create_token(session: Session, name: NameArgument) -> None:
    """Make a token; it is shown this once."""
    made = session.daemon.send("POST", "/tokens", NewToken, {"name": name})
    session.say(made, made.token)


@token.command("list")
@verb
def list_tokens(session: Session) -> None:
    """List the tokens' names."""
    listed = session.daemon.get("/tokens", TokenList)
    session.show(listed, lambda console: _print_tokens(console, listed))


@token.command("revoke")
@verb
def revoke_token(session: Session, name: NameArgument) -> None:
    """Make a token useless from now on."""
    session.daemon.tell("DELETE", f"/tokens/{segment(name)}")
    session.say({"revoked": name}, f"Revoked {name}.")


def _print_tokens(console: "Console", listed: TokenList) -> None:
    table = plain_table("NAME", "CREATED", "USED")
    for each in listed.tokens:
        table.add_row(each.name, ago(each.created_ms), ago(each.used_ms))
    console.print(table)
