"""One attempt to bring a commit live: its stages, its one outcome, its journal."""

from enum import StrEnum

import msgspec

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
    LIVE = "live"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"


class Trigger(StrEnum):
    """What asked for it; a ROLLBACK and a RESTART take a release that exists, so nothing is built."""

    API = "api"
    CLI = "cli"
    BOT = "bot"
    TOML = "toml"
    ROLLBACK = "rollback"
    RESTART = "restart"


class SwitchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of a switch: what the proxy counted from the swap until the old targets were drained."""

    served_by_old: int = 0
    served_by_new: int = 0
    failed: int = 0
    cut: int = 0
    drain_seconds: float = 0.0


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """`release` is the number it made (or, for a rollback, goes back to)."""

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

    @property
    def builds(self) -> bool:
        return self.trigger not in (Trigger.ROLLBACK, Trigger.RESTART)

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
