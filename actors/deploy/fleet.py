"""The running copies of every app: launched, followed in the log, adopted, stopped."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.build import BuildPlan
from deployd.domain.env import Environment
from deployd.domain.errors import NotFound, StartFailed
from deployd.domain.ids import AppName, DeploymentId, InstanceId, new_id
from deployd.domain.instance import Exit, Instance, InstanceState
from deployd.domain.log_line import Level, NewLine, Position, Source
from deployd.domain.release import Release
from deployd.domain.route import Address
from deployd.kernel.errors import ActorError
from deployd.messages.log import AppendAt, RememberSecrets
from deployd.ports.runtime import Launch

_LAST_LINES = 20
_LONGEST_LAST_LINE = 2_000
_STORED_WITHIN_SECONDS = 60.0
_STORE_AGAIN_SECONDS = 1.0
_REST_OF_OUTPUT_SECONDS = 15.0
_END_BYTES = 256 * 1024
_END_SECONDS = 5.0

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


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
        self._rest_of_output_seconds = rest_of_output_seconds
        self._spawn = spawn
        self._on_exit = on_exit
        self._followers: dict[InstanceId, asyncio.Task[None]] = {}
        self._ended: dict[InstanceId, asyncio.Future[Exit]] = {}
        self._last_lines: dict[InstanceId, deque[str]] = {}
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
        self._follow(started)
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

    async def adopt(self, instance: Instance) -> bool:
        """Watches an instance of an earlier deployd; one that has ended leaves the rest of its output in the log.

        What that deployd knew of secrets went with it.
        """
        with suppress(NotFound):
            release = await self._tools.stores.releases.get(instance.app, instance.release)
            self._hide(instance.app, await self._tools.stores.envs.read(instance.app, release.env_version))
        alive = await self._tools.runtime.adopt(instance, self._exit_of(instance))
        if alive:
            self._follow(instance)
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
        lines = list(self._last_lines.get(instance.id, ()))
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
        await self._drain_output(instance)
        lines = await asyncio.to_thread(self._last_words, instance)
        await self._forget(instance)
        return lines

    async def _retire(self, instance: Instance) -> None:
        await self._drain_output(instance)
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

    def _follow(self, instance: Instance) -> None:
        self._followers[instance.id] = self._spawn(self._follow_output(instance), f"follow {instance.id}")

    async def _follow_output(self, instance: Instance) -> None:
        file = self._tools.runtime.output(instance)
        while True:
            offset = await self._tools.logs.position(instance.id)
            try:
                await self._tools.output.follow(file, offset, self._deliver(instance))
            except ActorError:
                await asyncio.sleep(_STORE_AGAIN_SECONDS)  # The store is slow or restarting; the file keeps the lines.

    async def _drain_output(self, instance: Instance) -> None:
        follower = self._followers.pop(instance.id, None)
        if follower is not None:
            follower.cancel()
            await asyncio.wait({follower})
        file = self._tools.runtime.output(instance)
        offset = await self._tools.logs.position(instance.id)
        try:
            async with asyncio.timeout(self._rest_of_output_seconds):
                await self._tools.output.finish(file, offset, self._deliver(instance))
        except (TimeoutError, ActorError):
            await self._leave_out(instance, file)

    async def _leave_out(self, instance: Instance, file: Path) -> None:
        """Of more than could be stored in time the end is kept: the reason for a crash stands there."""
        offset = await self._tools.logs.position(instance.id)
        end = (await asyncio.to_thread(file.stat)).st_size - _END_BYTES
        if end <= offset:  # it is the store that is slow: the log's buffer has these lines already, or never will
            return
        text = f"{end - offset:,} bytes of output of {instance.process} are left out: more came than could be stored."
        self._tools.journal.say(instance.app, instance.deployment, text, Level.WARN, instance.release)
        with suppress(TimeoutError, ActorError):
            async with asyncio.timeout(_END_SECONDS):
                await self._tools.output.finish(file, end, self._deliver(instance))

    def _deliver(self, instance: Instance) -> Callable[[tuple[str, ...], int], Coroutine[Any, Any, None]]:
        last = self._last_lines.setdefault(instance.id, deque(maxlen=_LAST_LINES))

        async def deliver(texts: tuple[str, ...], offset: int) -> None:
            now = self._tools.clock.now_ms()
            lines = tuple(
                NewLine(
                    app=instance.app,
                    time_ms=now,
                    source=Source.APP,
                    text=text,
                    process=instance.process,
                    deployment=instance.deployment,
                    release=instance.release,
                )
                for text in texts
            )
            order = AppendAt(lines=lines, position=Position(file=instance.id, offset=offset))
            await self._tools.log.ask(order, _STORED_WITHIN_SECONDS)
            last.extend(texts)

        return deliver

    async def _forget(self, instance: Instance) -> None:
        await self._tools.stores.instances.remove(instance.id)
        await self._tools.logs.forget_position(instance.id)
        await asyncio.to_thread(self._tools.runtime.output(instance).unlink, missing_ok=True)
        self._ended.pop(instance.id, None)
        self._last_lines.pop(instance.id, None)
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
