"""status: of the daemon, of an app, or of a deployment."""

import re
from typing import Annotated

import msgspec
import typer

from deployd.cli.apps import WideOption, print_apps, release_name
from deployd.cli.daemon import segment
from deployd.cli.failure import Missing
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Cell, Column, Table
from deployd.cli.verb import verb
from deployd.cli.wording import ago, colour, last_of, seconds, state_colour, state_of
from deployd.settings.declared import Owner
from web.views import AppList, AppView, DeploymentList, DeploymentSummary, DeploymentView, StatusView

DEPLOYMENT_ID = re.compile(r"dep-[0-9a-z]{12,}")
_LONGEST_MESSAGE = 100


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    status: StatusView
    apps: list[AppView]
    broken: dict[str, str]


class AppOverview(msgspec.Struct, frozen=True, kw_only=True):
    app: AppView
    deployments: list[DeploymentSummary]


@verb
def status(
    session: Session,
    subject: Annotated[str | None, typer.Argument(metavar="[APP|DEPLOYMENT]", show_default=False)] = None,
    wide: WideOption = False,
) -> None:
    """Show how deployd, an app or a deployment is doing."""
    if subject is None:
        _show_daemon(session, wide)
    elif not DEPLOYMENT_ID.fullmatch(subject):
        _show_app(session, subject, wide)
    else:
        try:
            _show_deployment(session, subject)
        except Missing as no_deployment:
            try:
                _show_app(session, subject, wide)
            except Missing:
                raise no_deployment from None


def _show_daemon(session: Session, wide: bool) -> None:
    said = session.daemon.get("/status", StatusView)
    listed = session.daemon.get("/apps", AppList)
    overview = Overview(status=said, apps=listed.apps, broken=listed.broken)
    session.show(overview, lambda screen: _print_daemon(screen, said, listed, wide))


def _show_app(session: Session, name: str, wide: bool) -> None:
    app = session.daemon.get(f"/apps/{segment(name)}", AppView)
    recent = session.daemon.get(f"/apps/{segment(name)}/deployments", DeploymentList, limit=10).deployments
    session.show(AppOverview(app=app, deployments=recent), lambda screen: _print_app(screen, app, recent, wide))


def _show_deployment(session: Session, deployment_id: str) -> None:
    shown = session.daemon.get(f"/deployments/{segment(deployment_id)}", DeploymentView)
    session.show(shown, lambda screen: _print_deployment(screen, shown))


def _print_daemon(screen: Screen, said: StatusView, listed: AppList, wide: bool) -> None:
    screen.text(f"deployd {said.version}, {'ready' if said.ready else 'not ready'}")
    for sentence in (*said.problems, *said.warnings):
        screen.text(f"! {sentence}", "yellow", indent=2)  # With the line of deployd.toml it may be about.
    for actor in said.actors:
        if actor.state != "running":
            why = f": {actor.last_failure}" if actor.last_failure else ""
            screen.line(Cell(f"! {actor.name} is {actor.state}{why}", "yellow"), indent=2)
    print_apps(screen, listed, wide)


def _print_app(screen: Screen, app: AppView, recent: list[DeploymentSummary], wide: bool) -> None:
    screen.line(f"{app.name}: ", Cell(app.serving, state_colour(app)), indent=2)
    screen.line(f"at {' '.join(app.urls)}", indent=2)
    screen.line(f"from {app.settings.repo or ' '.join(app.settings.upstreams)}", indent=2)
    if app.owner is Owner.FILE:
        screen.line("its settings are those of deployd.toml", indent=2)
    for sentence in app.drift:
        screen.line(Cell(f"! Drift: {sentence}", "yellow"), indent=2)
    if app.latest is not None:
        screen.line(f"last deployment: {last_of(app)}", indent=2)
    if app.maintenance:
        screen.line(Cell(f"! Visitors read: {app.maintenance}", "yellow"), indent=2)
    if not recent:
        return
    screen.line("")
    below = (Column("COMMIT", below=True), Column("REASON", below=True))
    table = Table((Column("DEPLOYMENT", whole=True), *map(Column, ("STATE", "RELEASE", "WHEN")), *below))
    for each in recent:
        table.add(
            each.id,
            Cell(state_of(each), colour(each)),
            release_name(each.release),
            ago(each.requested_ms),
            f"{(each.commit or '')[:8]} {_first_line(each.commit_message)}".strip(),
            each.reason or "",
        )
    screen.table(table, wide=wide)


def _print_deployment(screen: Screen, shown: DeploymentView) -> None:
    screen.line(f"{shown.id} of {shown.app}: ", Cell(state_of(shown), colour(shown)))
    if shown.reason:
        screen.text(shown.reason)
    if shown.commit:
        screen.line(f"commit {shown.commit[:12]} {_first_line(shown.commit_message)}", indent=2)
    table = Table((Column("STAGE"), Column("TIME"), Column("USUALLY")))
    for stage, spent in shown.stage_seconds.items():
        usual = shown.usual_seconds.get(stage)
        table.add(stage, seconds(spent), "" if usual is None else seconds(usual))
    screen.table(table)
    if shown.switch is not None:
        screen.text(str(shown.switch))


def _first_line(text: str | None) -> str:
    """Of a commit message that may be a book."""
    return (text or "").partition("\n")[0][:_LONGEST_MESSAGE]
