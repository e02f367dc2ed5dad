"""status: of the daemon, of an app, or of a deployment."""

import re
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from deployd.cli.apps import plain_table, print_apps, release_name
from deployd.cli.daemon import segment
from deployd.cli.failure import Missing
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.cli.wording import ago, colour, seconds, state
from deployd.domain.deployment import Deployment
from web.views import AppList, AppView, DeploymentList, DeploymentView, StatusView

if TYPE_CHECKING:
    from rich.console import Console

_DEPLOYMENT_ID = re.compile(r"dep-[0-9a-z]{12,}")


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    status: StatusView
    apps: list[AppView]
    broken: dict[str, str]


class AppOverview(msgspec.Struct, frozen=True, kw_only=True):
    app: AppView
    deployments: list[Deployment]


@verb
def status(
    session: Session,
    subject: Annotated[str | None, typer.Argument(metavar="[APP|DEPLOYMENT]", show_default=False)] = None,
) -> None:
    """Show how deployd, an app or a deployment is doing."""
    if subject is None:
        _show_daemon(session)
    elif not _DEPLOYMENT_ID.fullmatch(subject):
        _show_app(session, subject)
    else:
        try:
            _show_deployment(session, subject)
        except Missing as no_deployment:
            try:
                _show_app(session, subject)
            except Missing:
                raise no_deployment from None


def _show_daemon(session: Session) -> None:
    said = session.daemon.get("/status", StatusView)
    listed = session.daemon.get("/apps", AppList)
    overview = Overview(status=said, apps=listed.apps, broken=listed.broken)
    session.show(overview, lambda console: _print_daemon(console, said, listed))


def _show_app(session: Session, name: str) -> None:
    app = session.daemon.get(f"/apps/{segment(name)}", AppView)
    recent = session.daemon.get(f"/apps/{segment(name)}/deployments", DeploymentList, limit=10).deployments
    session.show(AppOverview(app=app, deployments=recent), lambda console: _print_app(console, app, recent))


def _show_deployment(session: Session, deployment_id: str) -> None:
    shown = session.daemon.get(f"/deployments/{segment(deployment_id)}", DeploymentView)
    session.show(shown, lambda console: _print_deployment(console, shown))


def _print_daemon(console: "Console", said: StatusView, listed: AppList) -> None:
    console.print(f"deployd {said.version}, {'ready' if said.ready else 'not ready'}", markup=False)
    for sentence in (*said.problems, *said.warnings):
        console.print(f"! {sentence}", style="yellow", markup=False)
    for actor in said.actors:
        if actor.state != "running":
            why = f": {actor.last_failure}" if actor.last_failure else ""
            console.print(f"! {actor.name} is {actor.state}{why}", style="yellow", markup=False)
    print_apps(console, listed)


def _print_app(console: "Console", app: AppView, recent: list[Deployment]) -> None:
    from rich.text import Text

    console.print(f"{app.name} at {' '.join(app.urls)}", markup=False, soft_wrap=True)
    console.print(f"from {app.settings.repo or ' '.join(app.settings.upstreams)}", markup=False, soft_wrap=True)
    if app.maintenance:
        console.print(f"! In maintenance; visitors read: {app.maintenance}", style="yellow", markup=False)
    if app.canary is not None:
        console.print(f"v{app.canary.release} is a canary for {app.canary}", markup=False, soft_wrap=True)
    if app.closed_because:
        console.print(f"! {app.closed_because}", style="yellow", markup=False)
    table = plain_table("DEPLOYMENT", "STATE", "RELEASE", "COMMIT", "WHEN", "REASON")
    for each in recent:
        commit = f"{(each.commit or '')[:8]} {_first_line(each.commit_message)}".strip()
        table.add_row(
            each.id,
            Text(state(each), style=colour(each)),
            release_name(each.release),
            Text(commit),
            ago(each.requested_ms),
            Text(each.reason or ""),
        )
    console.print(table)


def _print_deployment(console: "Console", shown: DeploymentView) -> None:
    console.print(f"{shown.id} of {shown.app}: {state(shown)}", style=colour(shown), markup=False)
    if shown.reason:
        console.print(shown.reason, markup=False)
    if shown.commit:
        console.print(f"commit {shown.commit[:12]} {_first_line(shown.commit_message)}", markup=False)
    table = plain_table("STAGE", "TIME")
    for stage, spent in shown.stage_seconds.items():
        table.add_row(stage, seconds(spent))
    console.print(table)
    if shown.switch is not None:
        console.print(str(shown.switch), markup=False, soft_wrap=True)


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]
