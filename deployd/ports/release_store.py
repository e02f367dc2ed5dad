"""Where releases are kept."""

from typing import Protocol

from deployd.domain.build import BuildPlan, Tool
from deployd.domain.ids import AppName
from deployd.domain.release import Release


class ReleaseStore(Protocol):
    async def add(
        self,
        app: AppName,
        artifact: str,
        commit: str,
        commit_message: str,
        plan: BuildPlan,
        env_version: int,
        now_ms: int,
    ) -> Release:
        """Gives it the app's next number, in the same transaction."""
        ...

    async def get(self, app: AppName, number: int) -> Release:
        """Raises NotFound: never made, or not kept any more."""
        ...

    async def of_app(self, app: AppName) -> list[Release]:
        """Newest first."""
        ...

    async def remove(self, app: AppName, number: int) -> None: ...

    async def tools(self) -> set[Tool]:
        """What some kept release of any app runs with."""
        ...

    async def artifacts(self) -> set[str]:
        """The digests that some kept release of any app needs."""
        ...
