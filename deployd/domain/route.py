"""Host → app, and what stands behind it."""

import msgspec

from deployd.domain.ids import AppName


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a target listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class StaticSite(msgspec.Struct, frozen=True, kw_only=True):
    """A folder (absolute path) served without a process; `spa` answers unknown paths with /index.html."""

    root: str
    spa: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy serves for an app: a static site, or targets; neither means 503 with `closed_because`."""

    app: AppName
    hosts: tuple[str, ...]
    release: int | None = None
    targets: tuple[Address, ...] = ()
    site: StaticSite | None = None
    closed_because: str | None = None


def parse_address(text: str) -> Address:
    """`host:port` or `[v6]:port` → Address; the form was checked with the settings."""
    host, _, port = text.rpartition(":")
    return Address(host=host.strip("[]"), port=int(port))
