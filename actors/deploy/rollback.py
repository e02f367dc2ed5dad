"""Back to a release whose instances are still kept warm: they get the traffic at once, nothing of it starts anew."""

import msgspec

from actors.deploy.fleet import Fleet
from actors.deploy.rollout import Rollout, processes_of
from actors.deploy.tools import DeployTools
from actors.deploy.watch import Watches
from deployd.domain.app import App
from deployd.domain.deployment import Deployment
from deployd.domain.errors import StartFailed
from deployd.domain.instance import Instance
from deployd.domain.release import Release

_WARM_GATE_SECONDS = 2.0
"""What ran until a moment ago answers at once or is not waited for."""


class Rollback(Rollout):
    """What is warm passes the gate like anything else; in place of what does not, or is not there, a fresh copy starts.

    Workers start after the switch then: the visitors come first.
    """

    def __init__(self, tools: DeployTools, fleet: Fleet, deployment: Deployment, watches: Watches) -> None:
        super().__init__(tools, fleet, deployment)
        self._watches = watches
        self._unfit: list[Instance] = []
        self._warm = False

    async def _start_and_check(self, app: App, release: Release) -> None:
        self._unfit = list(self._watches.take(app.name, release.number))
        await self._watches.end(app.name)
        wanted = processes_of(app, release, web=True)
        for instance in [one for one in self._unfit if one.process in wanted]:
            if await self._is_well(app, release, instance):
                self._unfit.remove(instance)
                self._started.append(instance)
        self._warm = bool(self._started)
        await super()._start_and_check(app, release)

    async def _is_well(self, app: App, release: Release, instance: Instance) -> bool:
        check = app.settings.health_check_of(release.plan)
        hasty = msgspec.structs.replace(check, gate_seconds=min(check.gate_seconds, _WARM_GATE_SECONDS))
        try:
            await self._gate.pass_all(app, hasty, [instance])
        except StartFailed as failure:
            self._tools.journal.say(app.name, self._deployment.id, str(failure), release=release.number)
            return False
        return True

    def _workers(self, app: App, release: Release) -> list[str]:
        return [] if self._warm else super()._workers(app, release)

    async def _start_late(self, app: App, release: Release) -> None:
        if self._warm:
            for process in super()._workers(app, release):
                await self._fleet.mark_running(await self._launch(app, release, process))

    async def _undo(self, app: App) -> None:
        self._started += self._unfit
        await super()._undo(app)
