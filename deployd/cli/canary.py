"""canary: some of an app's visitors get another release, until it is promoted or aborted."""

from typing import Annotated

import typer

from deployd.cli.apps import AppArgument, release_name
from deployd.cli.daemon import segment
from deployd.cli.deploy import WaitOption, percentage, release_number
from deployd.cli.progress import see_through
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Column, Table
from deployd.cli.verb import verb
from deployd.domain.deployment import Deployment
from web.views import CanaryView

_PROMOTE, _ABORT = "promote", "abort"


@verb
def canary(
    session: Session,
    name: AppArgument,
    what: Annotated[
        str | None, typer.Argument(metavar="[PERCENT|promote|abort]", help="Such as 5%.", show_default=False)
    ] = None,
    header: Annotated[str | None, typer.Option(help="Who sends this header gets it, such as 'X-Canary: 1'.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Who comes from this address or network gets it; may be given again.")
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="v3 or 3; by default the canary that runs, or the newest that is not live.")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Build this branch, tag or commit for it.")] = None,
    wait: WaitOption = True,
) -> None:
    """Give some visitors another release, see how it does, then promote or abort it."""
    path = f"/apps/{segment(name)}/canary"
    says_who = header or allow or release or ref
    if what in (_PROMOTE, _ABORT) and says_who:
        raise typer.BadParameter(f"{what} takes no options: it is about the canary that runs.")
    if what == _PROMOTE:
        see_through(session, session.daemon.send("POST", path, Deployment), wait)
    elif what == _ABORT:
        session.daemon.tell("DELETE", path)
        session.say({"aborted": name}, f"The canary of {name} is gone; everybody gets the live release.")
    elif what is None and not says_who:
        shown = session.daemon.get(path, CanaryView)
        session.show(shown, lambda screen: _print(screen, shown))
    else:
        _begin(session, name, what, header, allow, release, ref, wait)


def _begin(
    session: Session,
    name: str,
    what: str | None,
    header: str | None,
    allow: list[str] | None,
    release: str | None,
    ref: str | None,
    wait: bool,
) -> None:
    if ref is not None and release is not None:
        raise typer.BadParameter("--ref builds a release and --release takes one that there is: give one of them.")
    rule = {"percent": percentage(what) if what else 0.0, "header": header or "", "allow": allow or []}
    if ref is not None:
        path, body = f"/apps/{segment(name)}/deployments", {"ref": ref, "canary": rule}
        order = session.daemon.send("POST", path, Deployment, body)
    else:
        number = None if release is None else release_number(release)
        path = f"/apps/{segment(name)}/canary"
        order = session.daemon.send("PUT", path, Deployment, {**rule, "release": number})
    see_through(session, order, wait)


def _print(screen: Screen, shown: CanaryView) -> None:
    screen.text(f"{shown.app}: the canary is for {shown.rule}")
    table = Table(tuple(map(Column, ("", "RELEASE", "REQUESTS", "ERRORS", "95 % WITHIN"))))
    for side, figures in (("live", shown.live), ("canary", shown.canary)):
        if figures is not None:
            errors = f"{figures.errors:,} ({figures.share * 100:.2g} %)"
            table.add(side, release_name(figures.release), f"{figures.requests:,}", errors, figures.p95)
    screen.table(table)
    screen.text(f"Go on with: deployd canary {shown.app} promote (or abort)")
