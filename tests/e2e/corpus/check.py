"""Builds, starts and probes one app of the corpus in a running deployd, as its owner would."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.corpus.app import CorpusApp, make_repository
from tests.support.daemon import Daemon
from tests.support.repos import commit

_DEPLOYMENT_SECONDS = 900.0
_SHOWN_LINES = 25


@dataclass(frozen=True, kw_only=True)
class Result:
    """`problem` is empty when all was as the row says; times are in seconds, None where there was no such thing."""

    app: CorpusApp
    problem: str = ""
    build_seconds: float | None = None
    start_seconds: float | None = None
    total_seconds: float | None = None
    second_seconds: float | None = None
    log: tuple[str, ...] = ()

    @property
    def is_refusal(self) -> bool:
        return bool(self.app.expected_refusal)


async def check(daemon: Daemon, app: CorpusApp, repositories: Path, base_url: str, *, twice: bool) -> Result:
    """`base_url` serves `repositories`. With `twice`, a second deployment of the same packages must work too."""
    folder = make_repository(app, repositories / app.name)
    await daemon.create_app(app.name, f"{base_url}/{app.name}", build=dict(app.build))
    try:
        if app.env:
            await daemon.api("PATCH", f"/api/v1/apps/{app.name}/env", dict(app.env))
        first, total = await _deploy(daemon, app)
        problem = await _problem(daemon, app, first)
        second = None
        if twice and not problem and not app.expected_refusal:
            commit(folder, "Second version")
            again, second = await _deploy(daemon, app)
            problem = await _problem(daemon, app, again)
        return Result(
            app=app,
            problem=problem,
            build_seconds=first["stage_seconds"].get("building"),
            start_seconds=_spent(first, "starting", "checking"),
            total_seconds=total,
            second_seconds=second,
            log=tuple((await daemon.log_texts(app.name))[-_SHOWN_LINES:]) if problem else (),
        )
    finally:
        await daemon.api("DELETE", f"/api/v1/apps/{app.name}")


async def _deploy(daemon: Daemon, app: CorpusApp) -> tuple[Mapping[str, Any], float]:
    begun = time.monotonic()
    async with asyncio.timeout(_DEPLOYMENT_SECONDS):
        deployment = await daemon.deploy(app.name)
    return deployment, time.monotonic() - begun


def _spent(deployment: Mapping[str, Any], *stages: str) -> float | None:
    seconds = [deployment["stage_seconds"][stage] for stage in stages if stage in deployment["stage_seconds"]]
    return sum(seconds) if seconds else None


async def _problem(daemon: Daemon, app: CorpusApp, deployment: Mapping[str, Any]) -> str:
    """Empty when the deployment came out as the row says."""
    outcome, reason = deployment["outcome"], deployment["reason"] or ""
    if refusal := app.expected_refusal:
        refused = outcome == "failed" and refusal in reason.lower() + reason
        return "" if refused else f"must be refused for {refusal!r}, was {outcome}: {reason}"
    if outcome != "live":
        return f"{outcome}: {reason}"
    return await _wrong_answer(daemon, app) or await _wrong_processes(daemon, app) or await _wrong_log(daemon, app)


async def _wrong_answer(daemon: Daemon, app: CorpusApp) -> str:
    """Asks twice: some servers only break once they have served."""
    for _ in range(2):
        status, body = await daemon.get(f"{app.name}.test", app.path)
        if status != app.status or app.says not in body:
            return f"GET {app.path} gave {status} without {app.says!r}: {body[:200]!r}"
    return ""


async def _wrong_processes(daemon: Daemon, app: CorpusApp) -> str:
    _, body = await daemon.api("GET", f"/api/v1/apps/{app.name}/instances")
    running = {instance["process"].partition(".")[0] for instance in body["instances"]}
    return "" if running == set(app.processes) else f"runs {sorted(running)} instead of {sorted(app.processes)}"


async def _wrong_log(daemon: Daemon, app: CorpusApp) -> str:
    if not app.tells or any(app.tells in line for line in await daemon.log_texts(app.name)):
        return ""
    return f"the build log does not say {app.tells!r}"
