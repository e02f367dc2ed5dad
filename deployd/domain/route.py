"""Host → app, and what stands behind it."""

import msgspec

from deployd.domain.edge import Canary, EdgeSettings
from deployd.domain.ids import AppName, DeploymentId


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a target listens: `host` and `port`, or a unix socket at `path`."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class StaticSite(msgspec.Struct, frozen=True, kw_only=True):
    """A folder (absolute path) served without a process; `spa` answers unknown paths with /index.html."""

    root: str
    spa: bool = False


class CanaryRoute(msgspec.Struct, frozen=True, kw_only=True):
    """What the canary's visitors get; `deployment` is the one that began it, `folder` its release's (absolute path)."""

    canary: Canary
    deployment: DeploymentId
    targets: tuple[Address, ...] = ()
    site: StaticSite | None = None
    folder: str | None = None


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What a switch ended: the release that `deployment` had brought did not do."""

    deployment: DeploymentId
    reason: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy serves for an app: a static site, or targets; neither means 503 with `closed_because`.

    `hosts` are `HOST`, `*.DOMAIN` or either with a path prefix behind it (`HOST/api`). While `maintenance` says why,
    everything but `health_path` (unless that is `/`) is answered 503 with that text. `folder` is the release's own
    (absolute path), where the error pages of `edge` are. `deployment` made the switch to `release`; `taken_back` stands
    in the same row as what it explains, so that whoever finds the row can finish what was begun with it.
    """

    app: AppName
    hosts: tuple[str, ...]
    release: int | None = None
    targets: tuple[Address, ...] = ()
    site: StaticSite | None = None
    closed_because: str | None = None
    edge: EdgeSettings = EdgeSettings()
    maintenance: str | None = None
    health_path: str = "/"
    folder: str | None = None
    canary: CanaryRoute | None = None
    deployment: DeploymentId | None = None
    taken_back: TakenBack | None = None

    @property
    def releases(self) -> tuple[int, ...]:
        """Those that get traffic."""
        canary = self.canary.canary.release if self.canary is not None else None
        return tuple(release for release in (self.release, canary) if release is not None)


class HoldReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests waited when a pause was ended, and how long the longest did."""

    held: int
    longest_seconds: float


def parse_address(text: str) -> Address:
    """`host:port`, `[v6]:port` or `unix:/path` → Address; the form was checked with the settings."""
    if text.startswith("unix:"):
        return Address(path=text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    return Address(host=host.strip("[]"), port=int(port))
