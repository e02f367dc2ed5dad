"""Times and states in the words a person reads."""

import time

from deployd.domain.deployment import Deployment, Outcome

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_COLOURS = {
    Outcome.LIVE: "green",
    Outcome.CANARY: "green",
    Outcome.FAILED: "red",
    Outcome.REVERTED: "red",
    Outcome.INTERRUPTED: "red",
}


def ago(time_ms: int | None) -> str:
    if time_ms is None:
        return "never"
    seconds = max(0, time.time_ns() // 1_000_000 - time_ms) // 1000
    for length, unit in _STEPS:
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "now"


def clock_time(time_ms: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time_ms / 1000))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60)} s"


def state(deployment: Deployment | None) -> str:
    if deployment is None:
        return "never deployed"
    if deployment.outcome is None:
        return f"{deployment.stage.value}…"
    return deployment.outcome.value


def colour(deployment: Deployment | None) -> str:
    if deployment is None:
        return "dim"
    if deployment.outcome is None:
        return "yellow"
    return _COLOURS.get(deployment.outcome, "dim")
