"""Follows a deployment to its end, for a person or, as one JSON document a line, for a program."""

from typing import Literal

import msgspec

from deployd.cli.daemon import segment
from deployd.cli.deployment_report import SERVING, DeploymentReport
from deployd.cli.failure import DeploymentFailed, Detached
from deployd.cli.session import Session
from deployd.cli.timeline import StagePassed, Timeline
from deployd.domain.deployment import Deployment
from deployd.domain.log_line import LogLine
from web.views import AppView, DeploymentView


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of --json."""

    event: Literal["accepted"] = "accepted"
    deployment: Deployment
    urls: tuple[str, ...]


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    event: Literal["stage"] = "stage"
    stage: str
    seconds: float
    usual_seconds: float | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    event: Literal["line"] = "line"
    line: LogLine


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of --json, and the only one with --quiet."""

    event: Literal["ended"] = "ended"
    deployment: DeploymentView


def see_through(session: Session, deployment: Deployment, wait: bool, quiet: bool = False) -> None:
    """Shows the deployment until it ended, or with `wait` off just what was accepted. DeploymentFailed unless its
    release serves."""
    if not wait:
        session.say(deployment, f"Accepted as {deployment.id}; watch it with: deployd status {deployment.id}")
        return
    try:
        if session.as_json:
            _as_documents(session, deployment, quiet)
        else:
            _for_people(session, deployment, quiet)
    except KeyboardInterrupt:
        raise Detached(
            f"\n{deployment.id} goes on without you.\n"
            f"Follow it: deployd logs {deployment.app} -f --deployment {deployment.id}\n"
            f"End it:    deployd cancel {deployment.app}"
        ) from None


def _for_people(session: Session, deployment: Deployment, quiet: bool) -> None:
    report = DeploymentReport(session.screen, quiet=quiet)
    report.begin(deployment, _app(session, deployment))
    for happening in Timeline(session.daemon, deployment):
        report.tell(happening)
        if isinstance(happening, DeploymentView):
            report.end(happening, _app(session, deployment))


def _as_documents(session: Session, deployment: Deployment, quiet: bool) -> None:
    if not quiet:
        session.document(Accepted(deployment=deployment, urls=_app(session, deployment).urls))
    for happening in Timeline(session.daemon, deployment):
        match happening:
            case DeploymentView():
                session.document(Ended(deployment=happening))
                if happening.outcome not in SERVING:
                    raise DeploymentFailed(f"{happening.app} was not deployed: {happening.reason or happening.outcome}")
            case StagePassed(stage=stage, seconds=spent, usual_seconds=usual) if not quiet:
                session.document(Passed(stage=stage.value, seconds=spent, usual_seconds=usual))
            case LogLine() if not quiet:
                session.document(Said(line=happening))


def _app(session: Session, deployment: Deployment) -> AppView:
    return session.daemon.get(f"/apps/{segment(deployment.app)}", AppView)
