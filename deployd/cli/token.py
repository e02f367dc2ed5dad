"""token create, list and revoke: API tokens for programs and browsers that are not on this machine."""

from typing import Annotated

import typer

from deployd.cli.apps import WideOption
from deployd.cli.daemon import segment
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Column, Table
from deployd.cli.verb import verb
from deployd.cli.wording import ago
from web.views import NewToken, TokenList

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
def list_tokens(session: Session, wide: WideOption = False) -> None:
    """List the tokens' names."""
    listed = session.daemon.get("/tokens", TokenList)
    session.show(listed, lambda screen: _print_tokens(screen, listed, wide))


@token.command("revoke")
@verb
def revoke_token(session: Session, name: NameArgument) -> None:
    """Make a token useless from now on."""
    session.daemon.tell("DELETE", f"/tokens/{segment(name)}")
    session.say({"revoked": name}, f"Revoked {name}.")


def _print_tokens(screen: Screen, listed: TokenList, wide: bool) -> None:
    table = Table((Column("NAME", whole=True), Column("CREATED"), Column("USED")))
    for each in listed.tokens:
        table.add(each.name, ago(each.created_ms), ago(each.used_ms))
    screen.table(table, wide=wide)
