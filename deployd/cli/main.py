"""The command line: every verb by its name."""

import typer

from deployd.cli.apps import apps, create, ps, remove, stop
from deployd.cli.deploy import cancel, deploy, restart, rollback
from deployd.cli.doctor import doctor
from deployd.cli.env import env
from deployd.cli.exit_code import EPILOG
from deployd.cli.logs import logs
from deployd.cli.plan import plan
from deployd.cli.serve import check, serve
from deployd.cli.status import status
from deployd.cli.token import token

VERBS = (
    serve, check, doctor, plan, apps, create, deploy, status, logs, rollback, ps, stop, restart, cancel, remove,
)  # fmt: skip

cli = typer.Typer(
    name="deployd",
    help="Turns a git repository into a running, routed, watched web app.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for each in VERBS:
    cli.command(each.__name__)(each)
cli.add_typer(env, name="env", help="Show and change an app's environment variables.")
cli.add_typer(token, name="token", help="API tokens for programs and browsers elsewhere.")
