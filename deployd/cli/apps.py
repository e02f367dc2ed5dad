"""apps, create, remove, stop, ps: the apps and what runs of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployd.cli.daemon import segment
from deployd.cli.failure import Failure
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.cli.wording import ago, colour, state
from web.views import AppList, AppView, InstanceList

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

AppArgument = Annotated[str, typer.Argument(metavar="APP", help="Name of the app.", show_default=False)]


@verb
def apps(session: Session) -> None:
    """List the apps."""
    listed = session.daemon.get("/apps", AppList)
    session.show(listed, lambda console: print_apps(console, listed))


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
    """Stop an app and delete it with its releases, env and logs."""
    if not yes and not session.as_json:
        typer.confirm(f"Stop {name} and delete its releases, env and logs?", abort=True, err=True)
    elif not yes:
        raise Failure(f"Removing {name} deletes its releases, env and logs; add --yes to say that you mean it.")
    session.daemon.tell("DELETE", f"/apps/{segment(name)}")
    session.say({"removed": name}, f"Removed {name}.")


@verb
def stop(session: Session, name: AppArgument) -> None:
    """Stop an app's instances; its address answers 503 until it is deployed or restarted."""
    session.daemon.tell("POST", f"/apps/{segment(name)}/stop")
    session.say({"stopped": name}, f"Stopped {name}; start it again with: deployd restart {name}")


@verb
def ps(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="[APP]", help="Only this app's.", show_default=False)] = None,
) -> None:
    """List the running instances."""
    names = [name] if name else [app.name for app in session.daemon.get("/apps", AppList).apps]
    found = [session.daemon.get(f"/apps/{segment(one)}/instances", InstanceList).instances for one in names]
    listed = InstanceList(instances=[instance for instances in found for instance in instances])
    session.show(listed, lambda console: _print_instances(console, listed, "" if name is None else f" of {name}"))


def print_apps(console: "Console", listed: AppList) -> None:
    from rich.text import Text

    for name, reason in listed.broken.items():
        console.print(f"{name} is broken: {reason}", style="red", markup=False, soft_wrap=True)
    if not listed.apps and listed.broken:
        return
    if not listed.apps:
        console.print("No apps yet; create one with: deployd create NAME --repo URL", markup=False)
        return
    table = plain_table("APP", "RELEASE", "LATEST", "WHEN", "ADDRESS")
    for app in listed.apps:
        table.add_row(
            app.name,
            _serving(app),
            Text(state(app.latest), style=colour(app.latest)),
            ago(app.latest.requested_ms) if app.latest else "",
            " ".join(app.urls),
        )
    console.print(table)


def _serving(app: AppView) -> str:
    if app.stopped:
        return "stopped"
    marks = ["maintenance"] if app.maintenance else []
    marks += [f"canary v{app.canary.release}"] if app.canary is not None else []
    return release_name(app.release) + (f" ({', '.join(marks)})" if marks else "")


def release_name(number: int | None) -> str:
    return "-" if number is None else f"v{number}"


def plain_table(*headings: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _print_instances(console: "Console", listed: InstanceList, of: str) -> None:
    if not listed.instances:
        console.print(f"No instance{of} runs.", markup=False)
        return
    table = plain_table("APP", "PROCESS", "STATE", "RELEASE", "PID", "PORT", "RESTARTS", "SINCE")
    for instance in listed.instances:
        table.add_row(
            instance.app,
            instance.process,
            instance.state.value,
            f"v{instance.release}",
            str(instance.pid or "-"),
            str(instance.port or "-"),
            str(instance.restarts),
            ago(instance.created_ms),
        )
    console.print(table)
