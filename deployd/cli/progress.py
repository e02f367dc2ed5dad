"""Follows a deployment to its end: stages with their durations, and the lines of the build as they come."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from deployd.cli.build_log import BuildLog
from deployd.cli.daemon import segment
from deployd.cli.failure import DeploymentFailed, Failure
from deployd.cli.logs import line_text
from deployd.cli.session import Session
from deployd.cli.wording import seconds
from deployd.domain.deployment import Deployment, Outcome
from deployd.domain.log_line import LogLine
from web.views import AppView, DeploymentView

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WAIT_SECONDS = 50
_SERVING = (Outcome.LIVE, Outcome.CANARY)


class Progress(Protocol):
    def line(self, line: LogLine) -> None: ...
    def stage(self, deployment: DeploymentView) -> None: ...


def see_through(session: Session, deployment: Deployment, wait: bool) -> None:
    """Shows the deployment until it ended, or with `wait` off just what was accepted. DeploymentFailed unless its
    release serves."""
    if not wait:
        session.say(deployment, f"Accepted as {deployment.id}; watch it with: deployd status {deployment.id}")
        return
    try:
        ended = _ended(session, deployment)
    except KeyboardInterrupt:
        raise Failure(f"\n{deployment.id} goes on without you; stop it with: deployd cancel {deployment.id}") from None
    app = session.daemon.get(f"/apps/{segment(ended.app)}", AppView)
    session.show(ended, lambda console: console.print(_summary(ended, app), markup=False, soft_wrap=True))
    if ended.outcome not in _SERVING:
        raise DeploymentFailed(f"{ended.app} was not deployed ({_outcome(ended)}): {ended.reason or 'no reason given'}")


def _ended(session: Session, deployment: Deployment) -> DeploymentView:
    if session.as_json:
        return _watch(session, deployment, lambda _: None)
    progress: Progress
    if session.console.is_terminal:
        progress = LiveProgress(session.console)
        with progress.live, BuildLog(session.daemon, deployment, progress.line):
            return _watch(session, deployment, progress.stage)
    progress = PlainProgress(session.console)
    with BuildLog(session.daemon, deployment, progress.line):
        return _watch(session, deployment, progress.stage)


def _watch(session: Session, deployment: Deployment, on_stage: Callable[[DeploymentView], None]) -> DeploymentView:
    path = f"/deployments/{segment(deployment.id)}"
    seen = session.daemon.get(path, DeploymentView)
    on_stage(seen)
    while not seen.ended:
        seen = session.daemon.get(path, DeploymentView, wait=_WAIT_SECONDS, after=seen.stage)
        on_stage(seen)
    return seen


class PlainProgress:
    """For files and pipes: one line for each stage that is over."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._shown: set[str] = set()

    def line(self, line: LogLine) -> None:
        self._console.print(line_text(line), soft_wrap=True)

    def stage(self, deployment: DeploymentView) -> None:
        over = [stage for stage in deployment.stage_seconds if deployment.ended or stage != deployment.stage]
        for stage in over:
            if stage not in self._shown:
                self._shown.add(stage)
                self._console.print(f"== {stage} {seconds(deployment.stage_seconds[stage])}", markup=False)


class LiveProgress:
    """For terminals: lines scroll above a table of stages whose clock runs."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live

        self._deployment: DeploymentView | None = None
        self._seen_at = 0.0
        self.live = Live(console=console, get_renderable=self._table, refresh_per_second=8)

    def line(self, line: LogLine) -> None:
        self.live.console.print(line_text(line), soft_wrap=True)

    def stage(self, deployment: DeploymentView) -> None:
        self._deployment, self._seen_at = deployment, time.monotonic()

    def _table(self) -> "Table":
        from rich.spinner import Spinner
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        if self._deployment is None:
            return table
        for stage, spent in self._deployment.stage_seconds.items():
            running = stage == self._deployment.stage
            since = time.monotonic() - self._seen_at if running else 0.0
            table.add_row(Spinner("dots") if running else "[green]✓[/green]", stage, seconds(spent + since))
        return table


def _outcome(deployment: Deployment) -> str:
    return deployment.outcome.value if deployment.outcome is not None else deployment.stage.value


def _summary(deployment: DeploymentView, app: AppView) -> str:
    total = seconds(sum(deployment.stage_seconds.values()))
    release = f" v{deployment.release}" if deployment.release is not None else ""
    if deployment.outcome is Outcome.CANARY and deployment.canary is not None:
        part = f"{deployment.app}{release} is the canary for {deployment.canary} after {total}"
        return f"{part}; see how it does: deployd canary {deployment.app}"
    if deployment.outcome is not Outcome.LIVE:
        return f"{deployment.id}: {_outcome(deployment)} after {total}"
    proof = f"{deployment.switch}\n" if deployment.switch is not None else ""
    return f"{proof}{deployment.app}{release} is live at {' '.join(app.urls)} after {total}"
