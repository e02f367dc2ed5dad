"""One attempt to bring a commit live: its stages, its one outcome, its journal."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from deployd.domain.edge import CanaryRule
from deployd.domain.ids import AppName, DeploymentId


class Stage(StrEnum):
    """In the order they are passed; a rollback goes from QUEUED to STARTING."""

    QUEUED = "queued"
    FETCHING = "fetching"
    DETECTING = "detecting"
    BUILDING = "building"
    PACKING = "packing"
    STARTING = "starting"
    CHECKING = "checking"
    SWITCHING = "switching"
    DRAINING = "draining"
    ENDED = "ended"


class Outcome(StrEnum):
    """CANARY: a part of the visitors gets its release. REVERTED comes after LIVE or CANARY: it was taken back."""

    LIVE = "live"
    CANARY = "canary"
    REVERTED = "reverted"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"


class Trigger(StrEnum):
    """What asked for it; ROLLBACK, RESTART, CANARY and PROMOTE take a release that exists, so nothing is built."""

    API = "api"
    CLI = "cli"
    BOT = "bot"
    TOML = "toml"
    ROLLBACK = "rollback"
    RESTART = "restart"
    CANARY = "canary"
    PROMOTE = "promote"


SWITCHED = "Switched"
"""Opens the sentence of a SwitchReport."""

_BUILD_NOTHING = (Trigger.ROLLBACK, Trigger.RESTART, Trigger.CANARY, Trigger.PROMOTE)


class SwitchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of a switch: what the proxy counted from the swap until the old targets were drained.

    `failed` were answered 5xx by the proxy itself or reset, `cut` were still open when the drain was over;
    `longest_hold_seconds` is the longest that a request waited for a target or for the end of a pause;
    `asked_to_leave` counts WebSockets.
    """

    served_by_old: int = 0
    served_by_new: int = 0
    failed: int = 0
    cut: int = 0
    drain_seconds: float = 0.0
    longest_hold_seconds: float = 0.0
    asked_to_leave: int = 0

    @property
    def requests(self) -> int:
        return self.served_by_old + self.served_by_new + self.failed + self.cut

    def __str__(self) -> str:
        """For people: the same sentence in the log, on the command line and in a chat."""
        said = f"{SWITCHED}; no request came meanwhile, drained in {self.drain_seconds:.3g} s"
        if self.requests:
            said = (
                f"{SWITCHED}: {self.failed + self.cut:,} of {self.requests:,} requests failed "
                f"({self.served_by_old:,} served by the old release, {self.served_by_new:,} by the new one); "
                f"the longest wait was {self.longest_hold_seconds:.3g} s, drained in {self.drain_seconds:.3g} s"
            )
        if self.asked_to_leave:
            sockets = "1 WebSocket was" if self.asked_to_leave == 1 else f"{self.asked_to_leave:,} WebSockets were"
            said += f", {sockets} asked to leave"
        return said + "."


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """`release` is the number it made (or, for a rollback, goes back to); with `canary` it gets only some visitors."""

    id: DeploymentId
    app: AppName
    trigger: Trigger
    by: str
    stage: Stage
    requested_ms: int
    ref: str | None = None
    commit: str | None = None
    commit_message: str | None = None
    release: int | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    ended_ms: int | None = None
    switch: SwitchReport | None = None
    canary: CanaryRule | None = None

    @property
    def builds(self) -> bool:
        return self.trigger not in _BUILD_NOTHING

    @property
    def ended(self) -> bool:
        return self.stage is Stage.ENDED


class StageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal: the deployment entered `stage` at `entered_ms`."""

    stage: Stage
    entered_ms: int


def stage_seconds(journal: list[StageEntry], now_ms: int) -> dict[Stage, float]:
    """How long each stage took; the one still running counts up to `now_ms`."""
    ends = [entry.entered_ms for entry in journal[1:]] + [now_ms]
    return {
        entry.stage: (end - entry.entered_ms) / 1000
        for entry, end in zip(journal, ends, strict=False)  # An empty journal has an end too.
        if entry.stage is not Stage.ENDED
    }


def usual_seconds(journals: Iterable[list[StageEntry]]) -> dict[Stage, float]:
    """The median for each stage over the journals of deployments that have ended."""
    spent: dict[Stage, list[float]] = {}
    for journal in journals:
        for stage, seconds in stage_seconds(journal, journal[-1].entered_ms if journal else 0).items():
            spent.setdefault(stage, []).append(seconds)
    return {stage: sorted(values)[len(values) // 2] for stage, values in spent.items()}


def ending_line(outcome: Outcome, reason: str | None) -> str:
    """The last line of a deployment's log."""
    return f"Deployment {outcome}" + (f": {reason}" if reason else ".")
