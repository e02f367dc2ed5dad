"""The command line: every verb by its name."""

from typing import Annotated

import typer
from typer.core import TyperGroup

from deployd.cli.apps import apps, create, ps, remove, stop
from deployd.cli.canary import canary
from deployd.cli.completion import complete, completion
from deployd.cli.deploy import cancel, deploy, restart, rollback
from deployd.cli.doctor import doctor
from deployd.cli.env import env
from deployd.cli.exit_code import EPILOG
from deployd.cli.export import export
from deployd.cli.help import help
from deployd.cli.install import install, uninstall, upgrade
from deployd.cli.logs import logs
from deployd.cli.maintenance import maintenance
from deployd.cli.password import hash_password
from deployd.cli.pause import pause, resume
from deployd.cli.plan import plan
from deployd.cli.reload import reload
from deployd.cli.serve import check, serve
from deployd.cli.settings import change_settings
from deployd.cli.status import status
from deployd.cli.token import token
from deployd.cli.toolchain import toolchain

VERBS = (
    serve, check, doctor, plan, reload, apps, create, deploy, status, logs, rollback, ps, stop, restart, cancel, remove,
    canary, pause, resume, maintenance, hash_password, export, install, uninstall, upgrade, help, completion,
)  # fmt: skip

cli = typer.Typer(
    name="deployd",
    help="Turns a git repository into a running, routed, watched web app.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for each in VERBS:
    cli.command(each.__name__.replace("_", "-"))(each)
cli.command("complete", hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    complete
)
cli.command("set")(change_settings)
cli.add_typer(env, name="env", help="Show and change an app's environment variables.")
cli.add_typer(token, name="token", help="API tokens for programs and browsers elsewhere.")
cli.add_typer(toolchain, name="toolchain", help="Tools that builds use: node, pnpm, python…")


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"deployd {version('deployd')}")
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Turns a git repository into a running, routed, watched web app."""


def root() -> TyperGroup:
    """All verbs, to look at."""
    command = typer.main.get_command(cli)
    assert isinstance(command, TyperGroup)
    return command
