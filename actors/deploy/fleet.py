"""The running copies of every app: launched, followed in the log, adopted, stopped."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.deploy.output import InstanceOutput, Spawn
from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.build import BuildPlan
from deployd.domain.env import Environment
from deployd.domain.errors import BrokenRow, NotFound, StartFailed
from deployd.domain.ids import AppName, DeploymentId, InstanceId, new_id
from deployd.domain.instance import Exit, Instance, InstanceState
from deployd.domain.release import Release
from deployd.domain.route import Address
from deployd.messages.log import RememberSecrets
from deployd.ports.runtime import Launch

_LONGEST_LAST_LINE = 2_000
_REST_OF_OUTPUT_SECONDS = 15.0


class Fleet:
    """Owns the rows and log files of instances. `on_exit` hears of every one that ended without being asked to."""

    def __init__(
        self,
        tools: DeployTools,
        spawn: Spawn,
        on_exit: Callable[[InstanceId, Exit], None],
        rest_of_output_seconds: float = _REST_OF_OUTPUT_SECONDS,
    ) -> None:
        self._tools = tools
        self._output = InstanceOutput(tools, spawn, rest_of_output_seconds)
        self._on_exit = on_exit
        self._ended: dict[InstanceId, asyncio.Future[Exit]] = {}
        self._stopping: set[InstanceId] = set()
        self._unmarked: dict[InstanceId, Exit | None] = {}
        self._unwell: dict[AppName, frozenset[Address]] = {}
        self._route_locks: defaultdict[AppName, asyncio.Lock] = defaultdict(asyncio.Lock)

    def route_lock(self, app: AppName) -> asyncio.Lock:
        """Held while an app's route is read, decided and switched, so that no older decision overtakes a newer one."""
        return self._route_locks[app]

    def note_unwell(self, app: AppName, targets: frozenset[Address]) -> None:
        """Those that are not to get requests while there are others."""
        self._unwell[app] = targets

    def unwell(self, app: AppName) -> frozenset[Address]:
        return self._unwell.get(app, frozenset())

    def well(self, app: AppName, targets: tuple[Address, ...]) -> tuple[Address, ...]:
        """All of them when none is."""
        unwell = self.unwell(app)
        return tuple(target for target in targets if target not in unwell) or targets

    async def launch(
        self, app: App, release: Release, deployment: DeploymentId, process: str, restarts: int = 0
    ) -> Instance:
        """Starts `process` (`web.1`) of the release; the row is written before the OS process exists."""
        now = self._tools.clock.now_ms()
        instance = Instance(
            id=InstanceId(new_id("ins", now)),
            app=app.name,
            release=release.number,
            deployment=deployment,
            process=process,
            state=InstanceState.STARTING,
            created_ms=now,
            port=await self._tools.runtime.free_port(),
            restarts=restarts,
        )
        await self._tools.stores.instances.put(instance)
        self._unmarked[instance.id] = None
        try:
            launch = await self.launch_order(app, release, instance)
            started = await self._tools.runtime.start(launch, self._exit_of(instance))
            await self._tools.stores.instances.put(started)
        except BaseException:
            await asyncio.shield(self._take_back(instance))
            raise
        self._output.follow(started)
        return started

    async def _take_back(self, instance: Instance) -> None:
        """Whoever launches it again gets one copy, not two."""
        self._stopping.add(instance.id)
        await self._tools.runtime.stop(instance, 0)
        await self._forget(instance)

    async def launch_order(self, app: App, release: Release, instance: Instance) -> Launch:
        """The command, folder, env and limits of an instance; the log learns the secrets first."""
        env = await self._tools.stores.envs.read(app.name, release.env_version)
        self._hide(app.name, env)
        folder, plan = self.folder(release), release.plan
        return Launch(
            instance=instance,
            command=plan.processes[instance.kind],
            folder=folder / plan.root,
            programs=(*self._tools.toolchains.programs(plan.tools), *_shared_programs(folder, plan)),
            env={**plan.env, **env.plain()},
            limits=app.settings.limits,
        )

    def folder(self, release: Release) -> Path:
        return self._tools.releases_folder / release.app / str(release.number)

    async def adopt(self, app: App, instance: Instance) -> bool:
        """Watches an instance of an earlier deployd; one that has ended leaves the rest of its output in the log.

        What that deployd knew of secrets went with it.
        """
        with suppress(NotFound, BrokenRow):
            release = await self._tools.stores.releases.get(instance.app, instance.release)
            self._hide(instance.app, await self._tools.stores.envs.read(instance.app, release.env_version))
        alive = await self._tools.runtime.adopt(instance, self._exit_of(instance), app.settings.limits)
        if alive:
            self._output.follow(instance)
        else:
            await self._retire(instance)
        return alive

    async def mark_running(self, instance: Instance) -> Instance:
        """From now on its end is told, also one that came before: until then that is its launcher's business."""
        running = msgspec.structs.replace(instance, state=InstanceState.RUNNING)
        await self._tools.stores.instances.put(running)
        exit = self._unmarked.pop(instance.id, None)
        if exit is not None:
            self._on_exit(instance.id, exit)
        return running

    async def mark_warm(self, instance: Instance) -> Instance:
        """From now on its end is no crash."""
        warm = msgspec.structs.replace(instance, state=InstanceState.WARM)
        await self._tools.stores.instances.put(warm)
        return warm

    def ended(self, instance: Instance) -> asyncio.Future[Exit]:
        """Done when the instance's OS process has ended."""
        return self._ended.setdefault(instance.id, asyncio.get_running_loop().create_future())

    def _hide(self, app: AppName, env: Environment) -> None:
        self._tools.log.tell(RememberSecrets(app=app, secrets=env.secrets()))

    def _last_words(self, instance: Instance) -> list[str]:
        """For a thread, since the first secret that is found takes a while."""
        lines = self._output.last_lines(instance)
        return [_shortened(self._tools.redact(instance.app, line)) for line in lines]

    async def stop(self, instance: Instance) -> None:
        """Returns when no process of it is left, its output is stored, and its row is gone."""
        self._stopping.add(instance.id)
        await self._tools.stores.instances.put(msgspec.structs.replace(instance, state=InstanceState.STOPPING))
        await self._tools.runtime.stop(instance)
        await self._retire(instance)

    async def stop_all(self, instances: list[Instance]) -> None:
        async with asyncio.TaskGroup() as group:
            for instance in instances:
                group.create_task(self.stop(instance), name=f"stop {instance.id}")

    async def retire(self, instance: Instance) -> list[str]:
        """Lets go of an instance that ended by itself; its last lines, without secrets."""
        await self._tools.runtime.stop(instance)  # Children it left behind go with it.
        await self._output.drain(instance)
        lines = await asyncio.to_thread(self._last_words, instance)
        await self._forget(instance)
        return lines

    async def _retire(self, instance: Instance) -> None:
        await self._output.drain(instance)
        await self._forget(instance)

    def _exit_of(self, instance: Instance) -> Callable[[Exit], None]:
        future = self.ended(instance)

        def ended(exit: Exit) -> None:
            if not future.done():
                future.set_result(exit)
            if instance.id in self._unmarked:
                self._unmarked[instance.id] = exit
            elif instance.id not in self._stopping:
                self._on_exit(instance.id, exit)

        return ended

    async def _forget(self, instance: Instance) -> None:
        """The row goes last: whoever finds it after a kill finds what is left to be put away."""
        await self._output.forget(instance)
        await self._tools.stores.instances.remove(instance.id)
        self._ended.pop(instance.id, None)
        self._unmarked.pop(instance.id, None)
        self._stopping.discard(instance.id)

    async def serving(self, app: AppName, release: int) -> list[Instance]:
        """The running `web` copies of a release, as the rows say."""
        return [
            instance
            for instance in await self._tools.stores.instances.of_app(app)
            if instance.release == release
            and instance.kind == "web"
            and instance.state is InstanceState.RUNNING
            and instance.port is not None
        ]


def _shortened(line: str) -> str:
    """An event is kept for long, and a bundle that crashes quotes all of itself."""
    return line if len(line) <= _LONGEST_LAST_LINE else line[: _LONGEST_LAST_LINE - 1] + "…"


def _shared_programs(folder: Path, plan: BuildPlan) -> tuple[Path, ...]:
    """A package of a monorepo finds most of its programs at the top."""
    return (folder / "node_modules/.bin",) if plan.root != "." else ()


def address_of(instance: Instance) -> Address:
    if instance.port is None:
        raise StartFailed(f"{instance.process} has no port to be reached at.")
    return Address(host="127.0.0.1", port=instance.port)
