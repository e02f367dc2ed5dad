"""DeployActor's side of the builds: handed to BuildActor, and ended when BuildActor will never report their end."""

from actors.deploy.tools import DeployTools
from deployd.domain.deployment import Deployment, Outcome, Stage
from deployd.domain.errors import StateConflict
from deployd.domain.ids import DeploymentId
from deployd.messages.build import CancelBuild, StartBuild

LOOK_SECONDS = 15.0
_GRACE_SECONDS = 60.0
_STOPPED = "Nothing can be built: BuildActor failed too often and was stopped. See deployd's log, then restart deployd."


class Builds:
    """A build ends its own stages in time. What is still there a minute later has nobody left who would end it."""

    def __init__(self, tools: DeployTools) -> None:
        self._tools = tools
        config = tools.config
        self._seconds = {
            Stage.FETCHING: config.fetch_seconds,
            Stage.DETECTING: config.fetch_seconds,
            Stage.BUILDING: config.build_seconds,
            Stage.PACKING: config.fetch_seconds,
        }
        self._first_seen: dict[tuple[DeploymentId, Stage], float] = {}

    def check(self) -> None:
        """Raises StateConflict while nothing can be built."""
        if self._tools.build.parked:
            raise StateConflict(_STOPPED)

    async def start(self, deployment: Deployment) -> bool:
        """Once more does no harm. False: it was ended, because nothing can be built."""
        if self._tools.build.parked:
            await self._tools.journal.end(deployment.id, Outcome.FAILED, _STOPPED)
            return False
        self._tools.build.tell(StartBuild(deployment=deployment.id))
        return True

    def cancel(self, deployment: DeploymentId) -> None:
        self._tools.build.tell(CancelBuild(deployment=deployment))

    async def end_lost(self, unfinished: list[Deployment]) -> None:
        """To be called again and again. Time is taken from the first look: the rows' clock may be set meanwhile."""
        now = self._tools.clock.monotonic()
        building = {(one.id, one.stage): one for one in unfinished if one.stage in self._seconds}
        self._first_seen = {seen: self._first_seen.get(seen, now) for seen in building}
        for (deployment, stage), since in self._first_seen.items():
            if self._tools.build.parked:
                await self._tools.journal.end(deployment, Outcome.INTERRUPTED, _STOPPED)
            elif now - since > self._seconds[stage] + _GRACE_SECONDS:
                self.cancel(deployment)
                reason = (
                    f"{stage.capitalize()} did not end within {self._seconds[stage]:g} s, and could not be stopped."
                )
                await self._tools.journal.end(deployment, Outcome.FAILED, reason)
