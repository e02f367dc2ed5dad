"""Where apps are kept."""

from typing import Protocol

from deployd.domain.app import App
from deployd.domain.event import Event
from deployd.domain.ids import AppName


class AppStore(Protocol):
    async def put(self, app: App, event: Event | None = None) -> None:
        """Inserts it or replaces what stood under its name, in one transaction with the event."""
        ...

    async def get(self, name: str) -> App:
        """Raises NotFound with the sentence a person should read; BrokenRow when what is stored cannot be read."""
        ...

    async def find(self, name: str) -> App | None:
        """None where there is none; BrokenRow as `get`."""
        ...

    async def all(self) -> list[App]:
        """Those that can be read, by name."""
        ...

    async def listed(self) -> tuple[list[App], dict[str, str]]:
        """The same, and the names of the others, each with the reason."""
        ...

    async def remove(self, name: AppName) -> None:
        """With everything that belongs to it (deployments, releases, env, instances, route), in one transaction."""
        ...
