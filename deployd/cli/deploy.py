"""deploy, rollback, restart and cancel: what starts or ends a deployment."""

from typing import Annotated

import typer

from deployd.cli.apps import AppArgument
from deployd.cli.daemon import segment
from deployd.cli.progress import see_through
from deployd.cli.session import Session
from deployd.cli.status import DEPLOYMENT_ID
from deployd.cli.verb import verb
from deployd.domain.deployment import Deployment
from web.views import DeploymentList

WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the result.")]


@verb
def deploy(
    session: Session,
    name: AppArgument,
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit; the app's branch by default.")] = None,
    canary: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="Give only that part of the visitors the new release.")
    ] = None,
    wait: WaitOption = True,
    quiet: QuietOption = False,
) -> None:
    """Build an app from its repository and switch traffic to it once it is healthy."""
    body: dict[str, object] = {"ref": ref}
    if canary is not None:
        body["canary"] = {"percent": percentage(canary)}
    _order(session, f"/apps/{segment(name)}/deployments", body, wait, quiet)


@verb
def rollback(
    session: Session,
    name: AppArgument,
    release: Annotated[
        str | None, typer.Argument(metavar="[RELEASE]", help="v3 or 3; the previous one by default.")
    ] = None,
    wait: WaitOption = True,
    quiet: QuietOption = False,
) -> None:
    """Serve a kept release again, without a rebuild."""
    number = None if release is None else release_number(release)
    _order(session, f"/apps/{segment(name)}/rollback", {"release": number}, wait, quiet)


@verb
def restart(session: Session, name: AppArgument, wait: WaitOption = True, quiet: QuietOption = False) -> None:
    """Start the release that serves anew, with the current env."""
    _order(session, f"/apps/{segment(name)}/restart", {}, wait, quiet)


@verb
def cancel(
    session: Session,
    subject: Annotated[str, typer.Argument(metavar="APP|DEPLOYMENT", show_default=False)],
) -> None:
    """End a deployment, or all of an app that run or wait; the old release goes on serving."""
    if not DEPLOYMENT_ID.fullmatch(subject):
        ended = session.daemon.send("POST", f"/apps/{segment(subject)}/cancel", DeploymentList)
        session.say(ended, "\n".join(f"Cancelled {one.id} of {one.app}." for one in ended.deployments))
        return
    cancelled = session.daemon.send("POST", f"/deployments/{segment(subject)}/cancel", Deployment)
    session.say(cancelled, f"Cancelled {cancelled.id} of {cancelled.app}.")


def percentage(text: str) -> float:
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        share = -1.0
    if not 0 < share <= 100:
        raise typer.BadParameter(f"{text!r} is not a percentage such as 5%.")
    return share


def release_number(text: str) -> int:
    digits = text.removeprefix("v")
    if not (digits.isascii() and digits.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not a release such as v3.")
    return int(digits)


def _order(session: Session, path: str, body: dict[str, object], wait: bool, quiet: bool) -> None:
    see_through(session, session.daemon.send("POST", path, Deployment, body), wait, quiet)
