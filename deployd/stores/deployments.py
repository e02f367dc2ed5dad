"""Keeps deployments and their journals in SQL."""

from deployd.domain.deployment import Deployment, Outcome, Stage, StageEntry, SwitchReport
from deployd.domain.errors import NotFound, StateConflict
from deployd.domain.event import Event
from deployd.domain.ids import AppName, DeploymentId
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement, Value
from deployd.stores.events import SqlEventLog
from deployd.stores.rows import from_row, to_json
from sql.loader import queries

_SQL = queries("deployments")


class SqlDeploymentStore:
    def __init__(self, database: Database, events: SqlEventLog, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database
        self._events = events

    async def add(self, deployment: Deployment, event: Event | None = None) -> None:
        await self._events.write(
            event,
            Statement(_SQL["add"], _columns(deployment)),
            Statement(_SQL["enter_stage"], (deployment.id, deployment.stage, deployment.requested_ms)),
        )

    async def get(self, deployment: str) -> Deployment:
        row = await self._database.fetch_one(_SQL["get"], deployment)
        if row is None:
            raise NotFound(f"There is no deployment {deployment!r}.")
        return self._broken.read("The deployment", row["id"], row["app"], lambda: _deployment(row))

    async def move(
        self, deployment: DeploymentId, frm: Stage, to: Stage, now_ms: int, event: Event | None = None
    ) -> None:
        await self._events.write(
            event,
            Statement(_SQL["move"], (deployment, frm, to), refusal=f"Deployment {deployment} is not {frm} any more."),
            Statement(_SQL["enter_stage"], (deployment, to, now_ms)),
        )

    async def end(
        self, deployment: DeploymentId, outcome: Outcome, reason: str | None, now_ms: int, event: Event | None = None
    ) -> bool:
        return await self._write_once(
            event,
            Statement(_SQL["finish"], (deployment, outcome, reason, now_ms), refusal="It has ended already."),
            Statement(_SQL["enter_stage"], (deployment, Stage.ENDED, now_ms)),
        )

    async def revert(self, deployment: DeploymentId, reason: str, event: Event | None = None) -> bool:
        return await self._write_once(
            event, Statement(_SQL["revert"], (deployment, reason), refusal="Nothing of it is live.")
        )

    async def note_commit(self, deployment: DeploymentId, commit: str, message: str) -> None:
        await self._database.transact(Statement(_SQL["note_commit"], (deployment, commit, message)))

    async def note_release(self, deployment: DeploymentId, release: int) -> None:
        await self._database.transact(Statement(_SQL["note_release"], (deployment, release)))

    async def note_switch(self, deployment: DeploymentId, report: SwitchReport) -> None:
        await self._database.transact(Statement(_SQL["note_switch"], (deployment, to_json(report))))

    async def trim(self, app: AppName, keep: int) -> None:
        await self._database.transact(Statement(_SQL["trim"], (app, keep)))

    async def unfinished(self, app: AppName | None = None) -> list[Deployment]:
        if app is None:
            return await self._readable(await self._database.fetch(_SQL["unfinished"]))
        return await self._readable(await self._database.fetch(_SQL["unfinished_of_app"], app))

    async def of_app(self, app: AppName, limit: int) -> list[Deployment]:
        return await self._readable(await self._database.fetch(_SQL["of_app"], app, limit))

    async def latest(self) -> dict[AppName, Deployment]:
        return {one.app: one for one in await self._readable(await self._database.fetch(_SQL["latest"]))}

    async def latest_journals(self, app: AppName, limit: int, but: DeploymentId) -> list[list[StageEntry]]:
        journals: dict[str, list[StageEntry]] = {}
        for row in await self._database.fetch(_SQL["latest_journals"], app, limit, but):
            entry = StageEntry(stage=Stage(row["stage"]), entered_ms=row["entered_ms"])
            journals.setdefault(row["deployment"], []).append(entry)
        return list(journals.values())

    async def journal(self, deployment: DeploymentId) -> list[StageEntry]:
        return [from_row(StageEntry, row) for row in await self._database.fetch(_SQL["journal"], deployment)]

    async def _readable(self, rows: list[Row]) -> list[Deployment]:
        return await self._broken.readable(
            "The deployment", rows, lambda row: row["id"], lambda row: row["app"], _deployment
        )

    async def _write_once(self, event: Event | None, *statements: Statement) -> bool:
        try:
            await self._events.write(event, *statements)
        except StateConflict:
            return False
        return True


def _columns(deployment: Deployment) -> tuple[Value, ...]:
    return (
        deployment.id,
        deployment.app,
        deployment.trigger,
        deployment.by,
        deployment.stage,
        deployment.requested_ms,
        deployment.ref,
        deployment.commit,
        deployment.commit_message,
        deployment.release,
        deployment.outcome,
        deployment.reason,
        deployment.ended_ms,
        None if deployment.switch is None else to_json(deployment.switch),
        None if deployment.canary is None else to_json(deployment.canary),
    )


def _deployment(row: Row) -> Deployment:
    return from_row(Deployment, row, "switch", "canary")
