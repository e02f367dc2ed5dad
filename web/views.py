"""What the API shows: domain values without their secrets, plus what a person asks next."""

from collections.abc import Mapping

import msgspec

from deployd.domain.app import App, AppSettings
from deployd.domain.app_state import AppState, DeploymentState, serving_of, state_of, traffic_of
from deployd.domain.canary_verdict import ReleaseFigures
from deployd.domain.deployment import Deployment, Stage, StageEntry, stage_seconds
from deployd.domain.edge import Canary, CanaryRule
from deployd.domain.env import Environment
from deployd.domain.event import Event
from deployd.domain.ids import DeploymentId
from deployd.domain.instance import Instance
from deployd.domain.log_line import LogLine
from deployd.domain.release import Release
from deployd.domain.route import Route
from deployd.ports.token_store import ApiToken
from deployd.settings.declared import Declared, Owner

REDACTED = "[redacted]"

Traffic = tuple[DeploymentId | None, DeploymentId | None]
"""The deployments whose releases serve and are the canary."""


class DeploymentSummary(Deployment, frozen=True, kw_only=True):
    """`state` is what it is now: `outcome` stays `live` when another release has taken its place, `state` does not."""

    state: DeploymentState


class AppView(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is what visitors get and `serving` the same in words; `latest`, the newest deployment, says apart from
    that what was tried last. `release` is the one that serves; `closed_because` says why none does; `maintenance` is
    what visitors read instead of it; `canary` says who gets which other release; `owner` is who has the last word
    about its settings, `drift` a sentence for each that is not as deployd.toml says.
    """

    name: str
    settings: AppSettings
    urls: tuple[str, ...]
    state: AppState
    serving: str
    created_ms: int
    stopped: bool
    maintenance: str | None
    canary: Canary | None
    release: int | None
    closed_because: str | None
    latest: DeploymentSummary | None
    owner: Owner = Owner.API
    drift: tuple[str, ...] = ()


class AppList(msgspec.Struct, frozen=True, kw_only=True):
    """`broken` names those whose rows cannot be read, each with the reason: they can only be removed."""

    apps: list[AppView]
    broken: dict[str, str] = {}


class DeploymentView(DeploymentSummary, frozen=True, kw_only=True):
    """A deployment with its journal and the seconds spent in each stage so far. `usual_seconds` are what the app's
    earlier deployments took there (the median of those that went live)."""

    journal: list[StageEntry]
    stage_seconds: dict[str, float]
    usual_seconds: dict[str, float]


class DeploymentList(msgspec.Struct, frozen=True, kw_only=True):
    deployments: list[DeploymentSummary]


class CanaryView(msgspec.Struct, frozen=True, kw_only=True):
    """`live` and `canary` are what both releases did since it began, or since deployd was restarted; null for a moment
    after that.
    """

    app: str
    deployment: str
    rule: CanaryRule
    live: ReleaseFigures | None
    canary: ReleaseFigures | None


class ReleaseView(Release, frozen=True, kw_only=True):
    serving: bool


class ReleaseList(msgspec.Struct, frozen=True, kw_only=True):
    releases: list[ReleaseView]


class InstanceList(msgspec.Struct, frozen=True, kw_only=True):
    instances: list[Instance]


class EnvEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is null for a secret: it can be replaced, never read back."""

    value: str | None
    secret: bool


class EnvView(msgspec.Struct, frozen=True, kw_only=True):
    """`drift` has a sentence for each value that is not what deployd.toml says."""

    version: int
    values: dict[str, EnvEntryView]
    drift: tuple[str, ...] = ()


class LineList(msgspec.Struct, frozen=True, kw_only=True):
    lines: list[LogLine]


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[ApiToken]


class FetchedTool(msgspec.Struct, frozen=True, kw_only=True):
    """`place` is the folder of its programs below that of the toolchains; empty for the host's own."""

    name: str
    version: str
    place: str
    said: list[str]


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is shown this once; only its hash is kept."""

    name: str
    token: str


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    events: list[Event]


class ActorView(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is the supervisor's word; `in_hand_seconds` the age of the message being handled, 0 when idle."""

    name: str
    state: str
    restarts: int
    refusals: int
    mailbox_depth: int
    in_hand_seconds: float
    last_failure: str | None


class ReloadView(msgspec.Struct, frozen=True, kw_only=True):
    """`pid` is that of the process that makes way."""

    pid: int


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """`settled`: for the service manager, too, this process is the service, and no longer the one before it."""

    version: str
    pid: int
    settled: bool = True
    base_domain: str
    ready: bool
    problems: list[str]
    warnings: list[str]
    actors: list[ActorView]


def app_view(
    app: App,
    urls: tuple[str, ...],
    route: Route | None,
    latest: Deployment | None,
    declared: Declared,
    *,
    paused: bool = False,
) -> AppView:
    serving = serving_of(app, route, paused=paused)
    return AppView(
        name=app.name,
        settings=msgspec.structs.replace(app.settings, repo=app.repository.shown if app.repository else None),
        urls=urls,
        state=serving.state,
        serving=serving.words,
        created_ms=app.created_ms,
        stopped=app.stopped,
        maintenance=app.maintenance,
        canary=route.canary.canary if route is not None and route.canary is not None else None,
        release=route.release if route is not None else None,
        closed_because=route.closed_because if route is not None else None,
        latest=None if latest is None else deployment_summary(latest, traffic_of(app, route)),
        owner=declared.owner(app.name),
        drift=declared.drift(app),
    )


def deployment_summary(deployment: Deployment, traffic: Traffic) -> DeploymentSummary:
    """`traffic` is what `traffic_of` its app says."""
    return DeploymentSummary(**msgspec.structs.asdict(deployment), state=state_of(deployment, *traffic))


def deployment_view(
    deployment: Deployment,
    journal: list[StageEntry],
    now_ms: int,
    *,
    traffic: Traffic = (None, None),
    usual: Mapping[Stage, float] | None = None,
) -> DeploymentView:
    end_ms = deployment.ended_ms if deployment.ended_ms is not None else now_ms
    seconds = {stage.value: spent for stage, spent in stage_seconds(journal, end_ms).items()} if journal else {}
    return DeploymentView(
        **msgspec.structs.asdict(deployment_summary(deployment, traffic)),
        journal=journal,
        stage_seconds=seconds,
        usual_seconds={stage.value: spent for stage, spent in (usual or {}).items()},
    )


def release_view(release: Release, serving: int | None) -> ReleaseView:
    return ReleaseView(**msgspec.structs.asdict(release), serving=release.number == serving)


def env_view(env: Environment, drift: tuple[str, ...]) -> EnvView:
    return EnvView(
        version=env.version,
        values={
            key: EnvEntryView(value=None if entry.secret else entry.value.reveal(), secret=entry.secret)
            for key, entry in sorted(env.values.items())
        },
        drift=drift,
    )
