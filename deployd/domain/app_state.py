"""The words for what an app's visitors get, and apart from that for what became of its deployments."""

from enum import StrEnum

import msgspec

from deployd.domain.app import App
from deployd.domain.deployment import Deployment, Outcome
from deployd.domain.ids import DeploymentId
from deployd.domain.route import Route


class AppState(StrEnum):
    """What visitors get. The order is that of `deployd help states`."""

    SERVING = "serving"
    ROUTING = "routing"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"
    STOPPED = "stopped"
    DOWN = "down"
    EMPTY = "empty"


MEANINGS = {
    AppState.SERVING: "a release answers visitors, such as `serving v3`",
    AppState.ROUTING: "an upstream app: requests go to an address that deployd does not run",
    AppState.MAINTENANCE: "visitors read the maintenance text; what is behind it runs on",
    AppState.PAUSED: "requests wait at the door for some seconds",
    AppState.STOPPED: "stopped by somebody; visitors read so (503)",
    AppState.DOWN: "it should serve and does not; the reason is said",
    AppState.EMPTY: "no deployment of it ever went live",
}


class DeploymentState(StrEnum):
    """`live` and `canary` only as long as that is so."""

    RUNNING = "running"
    LIVE = "live"
    CANARY = "canary"
    REPLACED = "replaced"
    FAILED = "failed"
    REVERTED = "reverted"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"


DEPLOYMENT_MEANINGS = {
    DeploymentState.RUNNING: "it has not ended; its stage is shown (queued, fetching, building …)",
    DeploymentState.LIVE: "its release serves now",
    DeploymentState.CANARY: "its release is the canary now",
    DeploymentState.REPLACED: "it went live, and something newer took its place (or the app was stopped)",
    DeploymentState.FAILED: "its release never went live, or not for long; the reason is said",
    DeploymentState.REVERTED: "it went live and the traffic went back to the release before it",
    DeploymentState.CANCELLED: "somebody ended it",
    DeploymentState.SUPERSEDED: "a newer one came before its turn",
    DeploymentState.INTERRUPTED: "deployd was restarted in the middle of it",
}


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """`words` is the whole: `serving v3, v4 is a canary for 5 % of the visitors`."""

    state: AppState
    words: str


def serving_of(app: App, route: Route | None, *, paused: bool = False) -> Serving:
    """What people get when they open the app."""
    if app.stopped:
        return Serving(state=AppState.STOPPED, words="stopped")
    behind = _behind(app, route)
    if route is not None and route.canary is not None:
        canary = route.canary.canary
        behind = Serving(state=behind.state, words=f"{behind.words}, v{canary.release} is a canary for {canary}")
    if app.maintenance is not None:
        return Serving(state=AppState.MAINTENANCE, words=f"in maintenance ({behind.words})")
    if paused:
        return Serving(state=AppState.PAUSED, words=f"paused ({behind.words})")
    return behind


def _behind(app: App, route: Route | None) -> Serving:
    if app.settings.upstreams:
        return Serving(state=AppState.ROUTING, words=f"routing to {', '.join(app.settings.upstreams)}")
    if route is None:
        return Serving(state=AppState.EMPTY, words="nothing deployed yet")
    if route.site is None and not route.targets:
        reason = (route.closed_because or "No instance is healthy").rstrip(".")
        release = f" (v{route.release})" if route.release is not None else ""
        return Serving(state=AppState.DOWN, words=f"down{release}: {reason}")
    return Serving(state=AppState.SERVING, words=f"serving v{route.release}")


def state_of(deployment: Deployment, serving: DeploymentId | None, canary: DeploymentId | None) -> DeploymentState:
    """`serving` and `canary` are the deployments whose releases have the traffic, None where there is none."""
    match deployment.outcome:
        case None:
            return DeploymentState.RUNNING
        case Outcome.LIVE:
            return DeploymentState.LIVE if deployment.id == serving else DeploymentState.REPLACED
        case Outcome.CANARY:
            return DeploymentState.CANARY if deployment.id == canary else DeploymentState.REPLACED
        case outcome:
            return DeploymentState(outcome.value)


def traffic_of(app: App, route: Route | None) -> tuple[DeploymentId | None, DeploymentId | None]:
    """The deployments to be called live and canary."""
    if app.stopped or route is None:
        return None, None
    return route.deployment, route.canary.deployment if route.canary is not None else None


def last_words(latest: Deployment | None, state: DeploymentState | None, when: str) -> str:
    """What became of the newest deployment, in words that do not say what serves. `when` is `2 min ago`."""
    if latest is None or state is None:
        return ""
    if state is DeploymentState.RUNNING:
        return f"{latest.stage} now"
    if state in (DeploymentState.LIVE, DeploymentState.REPLACED):
        return f"went live {when}"
    if state is DeploymentState.CANARY:
        return f"became a canary {when}"
    release = "" if latest.release is None else f" (v{latest.release} never went live)"
    if state is DeploymentState.REVERTED:
        release = "" if latest.release is None else f" (v{latest.release} lost the traffic again)"
    return f"{state} {when}{release}"
