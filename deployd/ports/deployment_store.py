"""Where deployments and their stage journals are kept; every move is a compare-and-set.

An `event` is recorded in the same transaction, so that it is told if and only if what it says became true.
"""

from typing import Protocol

from deployd.domain.deployment import Deployment, Outcome, Stage, StageEntry, SwitchReport
from deployd.domain.event import Event
from deployd.domain.ids import AppName, DeploymentId


class DeploymentStore(Protocol):
    async def add(self, deployment: Deployment, event: Event | None = None) -> None:
        """Inserts the row and the first line of its journal in one transaction."""
        ...

    async def get(self, deployment: str) -> Deployment:
        """Raises NotFound."""
        ...

    async def move(
        self, deployment: DeploymentId, frm: Stage, to: Stage, now_ms: int, event: Event | None = None
    ) -> None:
        """Row and journal in one transaction. StateConflict when the row is not in stage `frm`."""
        ...

    async def end(
        self, deployment: DeploymentId, outcome: Outcome, reason: str | None, now_ms: int, event: Event | None = None
    ) -> bool:
        """Moves it to ENDED from whatever stage it is in; False when it had ended already."""
        ...

    async def revert(self, deployment: DeploymentId, reason: str, event: Event | None = None) -> bool:
        """LIVE or CANARY becomes REVERTED; False when it was neither."""
        ...

    async def note_commit(self, deployment: DeploymentId, commit: str, message: str) -> None: ...

    async def note_release(self, deployment: DeploymentId, release: int) -> None: ...

    async def note_switch(self, deployment: DeploymentId, report: SwitchReport) -> None: ...

    async def unfinished(self, app: AppName | None = None) -> list[Deployment]:
        """Oldest first; of all apps where none is named."""
        ...

    async def latest(self) -> dict[AppName, Deployment]:
        """The newest of each app that has one."""
        ...

    async def of_app(self, app: AppName, limit: int) -> list[Deployment]:
        """Newest first."""
        ...

    async def trim(self, app: AppName, keep: int) -> None:
        """Forgets the app's ended ones with their journals, but not the newest `keep` nor those of kept releases."""
        ...

    async def latest_journals(self, app: AppName, limit: int, but: DeploymentId) -> list[list[StageEntry]]:
        """Of the app's newest deployments that went live or became a canary, without `but`, as `journal` does."""
        ...

    async def journal(self, deployment: DeploymentId) -> list[StageEntry]:
        """In the order the stages were entered."""
        ...
