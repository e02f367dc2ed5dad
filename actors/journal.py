"""One deployment's walk through its stages: row and event in one transaction, each stage under its deadline."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from deployd.domain.deployment import Deployment, Outcome, Stage, ending_line
from deployd.domain.errors import BuildFailed, NotFound, StartFailed
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName, DeploymentId, EventId, new_id
from deployd.domain.log_line import Level, NewLine, Source
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.messages.log import AppendLines, LogMessage
from deployd.ports.deployment_store import DeploymentStore
from deployd.ports.event_log import EventLog

Data = Mapping[str, str | int | float | bool | None]
_BUILD_STAGES = (Stage.FETCHING, Stage.DETECTING, Stage.BUILDING, Stage.PACKING)


class Journal:
    """What DeployActor and BuildActor write down about deployments."""

    def __init__(self, deployments: DeploymentStore, events: EventLog, log: Ref[LogMessage], clock: Clock) -> None:
        self._deployments = deployments
        self._events = events
        self._log = log
        self._clock = clock
        self.outcomes: Counter[Outcome] = Counter()
        """How many deployments ended how, since deployd started."""

    async def begin(self, deployment: Deployment) -> None:
        event = self._of(deployment, EventType.DEPLOYMENT_MOVED, {"stage": str(deployment.stage)})
        await self._deployments.add(deployment, event)

    @asynccontextmanager
    async def stage(self, deployment: DeploymentId, stage: Stage, seconds: float) -> AsyncIterator[None]:
        """Enters `stage`; the body has `seconds`. StateConflict when the deployment was ended meanwhile."""
        row = await self._deployments.get(deployment)
        event = self._of(row, EventType.DEPLOYMENT_MOVED, {"stage": str(stage)})
        await self._deployments.move(deployment, row.stage, stage, event.time_ms, event)
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as late:
            failure = BuildFailed if stage in _BUILD_STAGES else StartFailed
            raise failure(f"{stage.capitalize()} took longer than {seconds:g} s and was stopped.") from late

    async def end(self, deployment: DeploymentId, outcome: Outcome, reason: str | None = None) -> bool:
        """False when it had ended before: the first outcome stays."""
        row = await self._known(deployment)
        if row is None:
            return False
        event = self._of(row, EventType.DEPLOYMENT_ENDED, {"outcome": str(outcome), "reason": reason})
        if not await self._deployments.end(deployment, outcome, reason, event.time_ms, event):
            return False
        self.outcomes[outcome] += 1
        level = Level.ERROR if outcome is Outcome.FAILED else Level.INFO
        self.say(row.app, deployment, ending_line(outcome, reason), level, row.release)
        return True

    async def revert(self, deployment: DeploymentId, reason: str) -> bool:
        """What it brought live was taken back; False when nothing of it was live."""
        row = await self._known(deployment)
        if row is None:
            return False
        event = self._of(row, EventType.DEPLOYMENT_REVERTED, {"reason": reason})
        if not await self._deployments.revert(deployment, reason, event):
            return False
        self.outcomes[Outcome.REVERTED] += 1
        self.say(row.app, deployment, ending_line(Outcome.REVERTED, reason), Level.ERROR, row.release)
        return True

    def say(
        self,
        app: AppName,
        deployment: DeploymentId | None,
        text: str,
        level: Level = Level.INFO,
        release: int | None = None,
    ) -> None:
        """One line of deployd's own in the app's log."""
        self._log.tell(
            AppendLines(
                lines=(
                    NewLine(
                        app=app,
                        time_ms=self._clock.now_ms(),
                        source=Source.DEPLOYD,
                        text=text,
                        level=level,
                        deployment=deployment,
                        release=release,
                    ),
                )
            )
        )

    async def note(self, kind: EventType, app: AppName, subject: str, data: Data) -> None:
        """A fact that belongs to no deployment."""
        await self._events.record(self.event(kind, app, subject, data))

    async def _known(self, deployment: DeploymentId) -> Deployment | None:
        """None when it went with its app."""
        try:
            return await self._deployments.get(deployment)
        except NotFound:
            return None

    def _of(self, deployment: Deployment, kind: EventType, data: Data) -> Event:
        return self.event(kind, deployment.app, deployment.id, data, deployment.id)

    def event(self, kind: EventType, app: AppName, subject: str, data: Data, correlation: str | None = None) -> Event:
        """A fact, to be written with the row that it is about."""
        now = self._clock.now_ms()
        return Event(
            id=EventId(new_id("evt", now)),
            type=kind,
            time_ms=now,
            subject=subject,
            app=app,
            correlation=correlation,
            data=dict(data),
        )
