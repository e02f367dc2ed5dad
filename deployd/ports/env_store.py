"""Where env is kept: encrypted, one immutable version after another."""

from collections.abc import Mapping
from typing import Protocol

from deployd.domain.env import Environment, EnvLayer, EnvValue
from deployd.domain.ids import AppName


class EnvStore(Protocol):
    async def read(self, app: AppName, version: int | None = None) -> Environment:
        """The newest version when None; the empty version 0 when nothing was ever set."""
        ...

    async def write(self, app: AppName, layer: EnvLayer, values: Mapping[str, EnvValue], now_ms: int) -> Environment:
        """Makes a version in which `layer` holds exactly `values`; no new version when nothing differs."""
        ...

    async def trim(self, app: AppName, keep: int) -> None:
        """Forgets the app's versions, but not the newest `keep` nor those of kept releases."""
        ...

    async def layer(self, app: AppName, layer: EnvLayer) -> dict[str, EnvValue]:
        """What `layer` holds in the newest version."""
        ...
