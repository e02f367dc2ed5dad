"""What a person reads of a deployment while it goes: its id and address, each stage with its time, then the result."""

import re
from collections import deque

from deployd.cli.failure import DeploymentFailed
from deployd.cli.screen import Screen
from deployd.cli.table import Cell
from deployd.cli.timeline import Happening, StagePassed, Underway
from deployd.cli.wording import STYLES, seconds
from deployd.domain.app_state import AppState
from deployd.domain.deployment import SWITCHED, Deployment, Outcome, Stage, Trigger, ending_line
from deployd.domain.log_line import Level, LogLine, Source
from web.views import AppView, DeploymentView

SERVING = (Outcome.LIVE, Outcome.CANARY)
_MINOR = (Stage.QUEUED, Stage.DETECTING, Stage.PACKING, Stage.DRAINING)
"""Told only when they took a while."""
_WHILE_SECONDS = 1.0
_SILENCE_SECONDS = 30.0
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LAST_LINES = 8
_MOST_KINDS = 500
_Kind = tuple[str | None, str]
"""Process and text of a line: an app says the same of each health probe, and numbers do not make it something else."""

_VARYING = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
_BEGINNINGS = {
    Trigger.ROLLBACK: "Rolling {app} back to v{release}",
    Trigger.RESTART: "Restarting {app}",
    Trigger.CANARY: "Beginning a canary of {app}",
    Trigger.PROMOTE: "Promoting the canary of {app}",
}


class DeploymentReport:
    """`quiet` shows the result alone."""

    def __init__(self, screen: Screen, *, quiet: bool = False) -> None:
        self._screen = screen
        self._quiet = quiet
        self._kinds: set[_Kind] = set()
        self._left_out = 0
        self._relevant: dict[_Kind, LogLine] = {}
        self._shown: deque[_Kind] = deque(maxlen=_LAST_LINES + 4)
        self._turn = 0
        self._told_seconds = 0.0

    def begin(self, deployment: Deployment, app: AppView) -> None:
        if self._quiet:
            return
        beginning = _BEGINNINGS.get(deployment.trigger, "Deploying {app}")
        self._screen.line(
            Cell(beginning.format(app=app.name, release=deployment.release), "bold"), f" ({deployment.id})", indent=2
        )
        for url in app.urls:
            self._screen.line(f"  {url}")

    def tell(self, happening: Happening) -> None:
        match happening:
            case LogLine():
                self._line(happening)
            case StagePassed():
                self._stage(happening)
            case Underway():
                self._underway(happening)
            case DeploymentView():
                pass

    def end(self, ended: DeploymentView, app: AppView) -> None:
        """DeploymentFailed, with the last lines that say why, unless its release serves."""
        if self._left_out and not self._quiet:
            lines = "1 line" if self._left_out == 1 else f"{self._left_out:,} lines"
            self._screen.line(Cell(f"  ({lines} like those above left out)", "dim"), indent=2)
        if ended.outcome in SERVING:
            self._screen.line(Cell(_success(ended, app), "green"), indent=2)
        else:
            raise DeploymentFailed("\n".join(self._failure(ended, app)))

    def _line(self, line: LogLine) -> None:
        if line.level is Level.DEBUG or _is_told_otherwise(line):
            return
        kind = line.process, _VARYING.sub("0", line.text[:500])
        if line.source is not Source.DEPLOYD:
            self._remember(kind, line)
        if self._quiet:
            return
        if line.source is Source.APP and kind in self._kinds:
            self._left_out += 1
            return
        if len(self._kinds) < _MOST_KINDS:
            self._kinds.add(kind)
        self._shown.append(kind)
        where = (Cell(f"{line.process} | ", "cyan"),) if line.process else ()
        self._screen.line("  ", *where, Cell(line.text, STYLES[line.level]), indent=4)

    def _remember(self, kind: "_Kind", line: LogLine) -> None:
        self._relevant.pop(kind, None)
        self._relevant[kind] = line
        if len(self._relevant) > _LAST_LINES:
            del self._relevant[next(iter(self._relevant))]

    def _stage(self, passed: StagePassed) -> None:
        self._told_seconds = 0.0
        if self._quiet or (passed.stage in _MINOR and passed.seconds < _WHILE_SECONDS and not passed.failed):
            return
        mark = Cell("✗ ", "red") if passed.failed else Cell("✓ ", "green")
        self._screen.line(mark, _timed(passed.stage, passed.seconds, passed.usual_seconds))

    def _underway(self, now: Underway) -> None:
        """Where nothing can be written over, a line in half a minute says that it goes on."""
        if self._quiet:
            return
        self._turn += 1
        said = _timed(now.stage, now.seconds, now.usual_seconds)
        self._screen.status(f"{_SPINNER[self._turn % len(_SPINNER)]} {said}")
        if not self._screen.moves and now.seconds - self._told_seconds >= _SILENCE_SECONDS:
            self._told_seconds = now.seconds
            self._screen.line(f"  {now.stage}, {seconds(now.seconds)} so far{_usually(now.seconds, now.usual_seconds)}")

    def _failure(self, ended: DeploymentView, app: AppView) -> list[str]:
        how = "" if ended.outcome is Outcome.FAILED else f" ({ended.outcome})"
        text = [f"{app.name} was not deployed{how}: {ended.reason or 'no reason was given'}"]
        if not self._relevant.keys() <= set(self._shown):
            text.append("The last lines before that:")
            text += [f"  {line.process + ' | ' if line.process else ''}{line.text}" for line in self._relevant.values()]
        still = (
            "Nothing of it serves yet."
            if app.state is AppState.EMPTY
            else f"What visitors get has not changed: {app.serving}."
        )
        return [*text, still, f"All lines: deployd logs {app.name} --deployment {ended.id}"]


def _success(ended: DeploymentView, app: AppView) -> str:
    release = f" v{ended.release}" if ended.release is not None else ""
    total = seconds(sum(ended.stage_seconds.values()))
    if ended.outcome is Outcome.CANARY and ended.canary is not None:
        part = f"{app.name}{release} is the canary for {ended.canary} after {total}"
        return f"{part}; see how it does: deployd canary {app.name}"
    return f"{app.name}{release} is live after {total}{_proof(ended)} at {' '.join(app.urls)}"


def _proof(ended: DeploymentView) -> str:
    """One request is that of deployd itself."""
    switch = ended.switch
    if switch is None or switch.requests < 2:
        return ""
    return f", with {switch.failed + switch.cut:,} of {switch.requests:,} requests failed meanwhile,"


def _is_told_otherwise(line: LogLine) -> bool:
    """The end and how the switch went are part of the result."""
    opening = line.text.removesuffix(".").split(":")[0].split(";")[0]
    told = {SWITCHED, *(ending_line(outcome, None).removesuffix(".") for outcome in Outcome)}
    return line.source is Source.DEPLOYD and opening in told


def _timed(stage: Stage, spent: float, usual: float | None) -> str:
    return f"{stage} {seconds(spent)}{_usually(spent, usual)}"


def _usually(spent: float, usual: float | None) -> str:
    """Nobody wonders about a moment."""
    return "" if usual is None or max(spent, usual) < _WHILE_SECONDS else f" (usually {seconds(usual)})"
