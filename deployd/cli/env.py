"""env list, set and unset: an app's environment variables."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deployd.cli.apps import AppArgument, WideOption
from deployd.cli.daemon import segment
from deployd.cli.failure import Failure, Missing
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Cell, Column, Table
from deployd.cli.verb import verb
from deployd.domain.suggestion import nearest
from web.views import EnvView


class _ListByDefault(TyperGroup):
    """`env APP` lists, and `env APP set K=V` is `env set APP K=V`. A verb that is mistyped must not pass for an app."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            second = args[1] if len(args) > 1 and not args[1].startswith("-") else ""
            if nearest(second, self.commands):
                args = [second, args[0], *args[2:]]
            elif not (second and nearest(args[0], self.commands)):
                args = ["list", *args]
        return super().parse_args(ctx, args)


env = typer.Typer(cls=_ListByDefault, no_args_is_help=True)


@env.command("list")
@verb
def list_env(session: Session, name: AppArgument, wide: WideOption = False) -> None:
    """Show names, and the values that are not secret."""
    try:
        shown = session.daemon.get(f"/apps/{segment(name)}/env", EnvView)
    except Missing as missing:
        meant = nearest(name, [each.name for each in env.registered_commands if each.name])
        if meant is None or "Did you mean" in str(missing):
            raise
        raise Missing(f"{missing} Did you mean the verb {meant!r}?") from missing
    session.show(shown, lambda screen: _print_env(screen, name, shown, wide))


@env.command("set")
@verb
def set_env(
    session: Session,
    name: AppArgument,
    pairs: Annotated[list[str], typer.Argument(metavar="KEY[=VALUE]...", show_default=False)],
    plain: Annotated[bool, typer.Option("--plain", help="Not a secret: show it, and leave it in logs.")] = False,
) -> None:
    """Set values, as secrets unless --plain. `KEY` or `KEY=-` reads the value from stdin."""
    entries = {key: {"value": value, "secret": not plain} for key, value in _read_pairs(pairs).items()}
    _change(session, name, entries)


@env.command("unset")
@verb
def unset_env(
    session: Session,
    name: AppArgument,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", show_default=False)],
) -> None:
    """Remove values."""
    _change(session, name, dict.fromkeys(keys))


def _change(session: Session, name: str, patch: dict[str, Any]) -> None:
    changed = session.daemon.send("PATCH", f"/apps/{segment(name)}/env", EnvView, patch)
    said = [f"Env of {name} is now version {changed.version}; it takes effect with: deployd restart {name}"]
    session.say(changed, "\n".join([*said, *(f"! Drift: {sentence}" for sentence in changed.drift)]))


def _read_pairs(pairs: list[str]) -> dict[str, str]:
    """Raises Failure when more than one value would have to come from stdin."""
    split = [pair.partition("=") for pair in pairs]
    from_stdin = [key for key, equals, value in split if not equals or value == "-"]
    if len(from_stdin) > 1:
        raise Failure(f"Only one value can be read from stdin, not {len(from_stdin)}: {', '.join(from_stdin)}.")
    return {key: _read_value(key) if key in from_stdin else value for key, _, value in split}


def _read_value(key: str) -> str:
    """Without its last line end, as `echo` and editors add one."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {key}", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n")


def _print_env(screen: Screen, name: str, shown: EnvView, wide: bool) -> None:
    if not shown.values:
        screen.text(f"{name} has no env; set one with: deployd env set {name} KEY=VALUE")
        return
    table = Table((Column("NAME", whole=True), Column("VALUE")))
    for key, entry in shown.values.items():
        table.add(key, Cell("(secret)", "dim") if entry.value is None else entry.value)
    screen.table(table, wide=wide)
    for sentence in shown.drift:
        screen.line(Cell(f"! Drift: {sentence}", "yellow"), indent=2)
