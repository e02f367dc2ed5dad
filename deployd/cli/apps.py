"""apps, create, remove, stop, ps: the apps and what runs of them."""

from typing import Annotated

import typer

from deployd.cli.daemon import segment
from deployd.cli.failure import Failure
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Cell, Column, Table
from deployd.cli.verb import verb
from deployd.cli.wording import ago, last_of, state_colour
from deployd.settings.declared import Owner
from web.views import AppList, AppView, InstanceList

WideOption = Annotated[bool, typer.Option("--wide", "-w", help="One line a row, however long.")]
AppArgument = Annotated[str, typer.Argument(metavar="APP", help="Name of the app.", show_default=False)]


@verb
def apps(session: Session, wide: WideOption = False) -> None:
    """List the apps: what visitors get, and what became of the last deployment."""
    listed = session.daemon.get("/apps", AppList)
    session.show(listed, lambda screen: print_apps(screen, listed, wide))


@verb
def create(
    session: Session,
    name: AppArgument,
    repo: Annotated[str | None, typer.Option(help="Git URL: https, ssh or file.")] = None,
    branch: Annotated[str | None, typer.Option(help="Branch to deploy; the remote's own by default.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Host name to serve it at; may be given again.")] = None,
    health: Annotated[str | None, typer.Option(help="Path that answers 2xx when the app is healthy.")] = None,
    upstream: Annotated[list[str] | None, typer.Option(help="host:port of something already running.")] = None,
) -> None:
    """Create an app; nothing is deployed yet."""
    given = {"name": name, "repo": repo, "branch": branch, "domains": domain, "health": health, "upstream": upstream}
    body = {field: value for field, value in given.items() if value is not None and value != []}
    app = session.daemon.send("POST", "/apps", AppView, body)
    next_step = "" if upstream else f"\nDeploy it with: deployd deploy {app.name}"
    session.say(app, f"Created {app.name}, to be served at {' '.join(app.urls)}{next_step}")


@verb
def remove(
    session: Session,
    name: AppArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop an app and delete it with its releases, env and logs, and take it out of deployd.toml if it is there."""
    if not yes and session.as_json:
        raise Failure(f"Removing {name} deletes its releases, env and logs; add --yes to say that you mean it.")
    app = session.daemon.get(f"/apps/{segment(name)}", AppView)
    of_file = app.owner is Owner.FILE
    if not yes:
        also = f" and take [apps.{name}] out of deployd.toml" if of_file else ""
        typer.confirm(f"Stop {name}, delete its releases, env and logs{also}?", abort=True, err=True)
    session.daemon.tell("DELETE", f"/apps/{segment(name)}")
    gone = f"Removed {name}, and [apps.{name}] from deployd.toml." if of_file else f"Removed {name}."
    session.say({"removed": name}, gone)


@verb
def stop(session: Session, name: AppArgument) -> None:
    """Stop an app's instances; its address answers 503 until it is deployed or restarted."""
    session.daemon.tell("POST", f"/apps/{segment(name)}/stop")
    session.say({"stopped": name}, f"Stopped {name}; start it again with: deployd restart {name}")


@verb
def ps(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="[APP]", help="Only this app's.", show_default=False)] = None,
    wide: WideOption = False,
) -> None:
    """List the running instances."""
    names = [name] if name else [app.name for app in session.daemon.get("/apps", AppList).apps]
    found = [session.daemon.get(f"/apps/{segment(one)}/instances", InstanceList).instances for one in names]
    listed = InstanceList(instances=[instance for instances in found for instance in instances])
    session.show(listed, lambda screen: _print_instances(screen, listed, "" if name is None else f" of {name}", wide))


def print_apps(screen: Screen, listed: AppList, wide: bool) -> None:
    for name, reason in listed.broken.items():
        screen.line(Cell(f"{name} is broken: {reason}", "red"), indent=2)
    if not listed.apps and not listed.broken:
        screen.text("No apps yet; create one with: deployd create NAME --repo URL")
    if not listed.apps:
        return
    table = Table(
        (
            Column("APP", whole=True),
            Column("STATE"),
            Column("LAST DEPLOYMENT"),
            Column("ADDRESS", whole=True, below=True),
        )
    )
    for app in listed.apps:
        table.add(app.name, Cell(app.serving, state_colour(app)), last_of(app), " ".join(app.urls))
    screen.table(table, wide=wide)


def release_name(number: int | None) -> str:
    return "-" if number is None else f"v{number}"


def _print_instances(screen: Screen, listed: InstanceList, of: str, wide: bool) -> None:
    if not listed.instances:
        screen.text(f"No instance{of} runs.")
        return
    names = ("STATE", "RELEASE", "PID", "PORT", "RESTARTS", "SINCE")
    table = Table((Column("APP", whole=True), Column("PROCESS", whole=True), *map(Column, names)))
    for instance in listed.instances:
        table.add(
            instance.app,
            instance.process,
            instance.state.value,
            f"v{instance.release}",
            str(instance.pid or "-"),
            str(instance.port or "-"),
            str(instance.restarts),
            ago(instance.created_ms),
        )
    screen.table(table, wide=wide)
