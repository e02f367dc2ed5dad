"""Where it is written down what the proxy serves."""

from typing import Protocol

from deployd.domain.ids import AppName
from deployd.domain.route import Route


class RouteStore(Protocol):
    async def put(self, route: Route) -> None: ...

    async def get(self, app: AppName) -> Route | None: ...

    async def all(self) -> list[Route]:
        """Those that can be read, by app."""
        ...

    async def listed(self) -> tuple[list[Route], dict[str, str]]:
        """The same, and the apps of the others, each with the reason."""
        ...

    async def remove(self, app: AppName) -> None: ...
