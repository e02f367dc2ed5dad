"""Times and states in the words a person reads."""

import time

from deployd.domain.app_state import AppState, DeploymentState, last_words
from deployd.domain.log_line import Level
from web.views import AppView, DeploymentSummary

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
STYLES = {Level.ERROR: "red", Level.WARN: "yellow", Level.DEBUG: "dim", Level.INFO: ""}
_COLOURS = {
    DeploymentState.RUNNING: "yellow",
    DeploymentState.LIVE: "green",
    DeploymentState.CANARY: "green",
    DeploymentState.FAILED: "red",
    DeploymentState.REVERTED: "red",
    DeploymentState.INTERRUPTED: "red",
}
_APP_COLOURS = {
    AppState.SERVING: "green",
    AppState.ROUTING: "green",
    AppState.DOWN: "red",
    AppState.STOPPED: "dim",
    AppState.EMPTY: "dim",
}


def ago(time_ms: int | None) -> str:
    if time_ms is None:
        return "never"
    seconds = max(0, time.time_ns() // 1_000_000 - time_ms) // 1000
    for length, unit in _STEPS:
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def clock_time(time_ms: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time_ms / 1000))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60)} s"


def state_of(deployment: DeploymentSummary) -> str:
    """Of one that runs, where it is."""
    return f"{deployment.stage}…" if deployment.state is DeploymentState.RUNNING else deployment.state.value


def last_of(app: AppView) -> str:
    latest = app.latest
    if latest is None:
        return "-"
    return last_words(latest, latest.state, ago(latest.ended_ms or latest.requested_ms))


def state_colour(app: AppView) -> str:
    return _APP_COLOURS.get(app.state, "yellow")


def colour(deployment: DeploymentSummary) -> str:
    return _COLOURS.get(deployment.state, "dim")
