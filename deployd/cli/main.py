"""The command line: every verb by its name."""

import typer

from deployd.cli.apps import apps, create, ps, remove, stop
from deployd.cli.canary import canary
from deployd.cli.deploy import cancel, deploy, restart, rollback
from deployd.cli.doctor import doctor
from deployd.cli.env import env
from deployd.cli.exit_code import EPILOG
from deployd.cli.export import export
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

VERBS = (
    serve, check, doctor, plan, reload, apps, create, deploy, status, logs, rollback, ps, stop, restart, cancel, remove,
    canary, pause, resume, maintenance, hash_password, export,
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
    cli.command(each.__name__.replace("_", "-"))(each)
cli.command("set")(change_settings)
cli.add_typer(env, name="env", help="Show and change an app's environment variables.")
cli.add_typer(token, name="token", help="API tokens for programs and browsers elsewhere.")
