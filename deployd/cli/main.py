"""The command line: every verb by its name."""

from importlib.metadata import version
from typing import Annotated

import typer

from deployd.cli.apps import apps, create, ps, remove, stop
from deployd.cli.canary import canary
from deployd.cli.deploy import cancel, deploy, restart, rollback
from deployd.cli.doctor import doctor
from deployd.cli.env import env
from deployd.cli.exit_code import EPILOG
from deployd.cli.install import install, uninstall, upgrade
from deployd.cli.logs import logs
from deployd.cli.maintenance import maintenance
from deployd.cli.password import hash_password
from deployd.cli.pause import pause, resume
from deployd.cli.plan import plan
from deployd.cli.reload import reload
from deployd.cli.serve import check, serve
from deployd.cli.status import status
from deployd.cli.token import token
from deployd.cli.toolchain import toolchain

VERBS = (
    serve, check, doctor, plan, reload, apps, create, deploy, status, logs, rollback, ps, stop, restart, cancel, remove,
    canary, pause, resume, maintenance, hash_password, install, uninstall, upgrade,
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
cli.add_typer(env, name="env", help="Show and change an app's environment variables.")
cli.add_typer(token, name="token", help="API tokens for programs and browsers elsewhere.")
cli.add_typer(toolchain, name="toolchain", help="Tools that builds use: node, pnpm, python…")


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"deployd {version('deployd')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", help="Say which deployd this is.", callback=_say_version, is_eager=True)
]


@cli.callback()
def start(version: VersionOption = False) -> None:
    """Turns a git repository into a running, routed, watched web app."""
