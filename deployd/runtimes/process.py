"""Runs instances as processes of this host that live on when deployd dies, and are adopted by the next one."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from deployd.domain.app import Limits
from deployd.domain.errors import StartFailed, StateConflict
from deployd.domain.ids import InstanceId
from deployd.domain.instance import Exit, Instance
from deployd.kernel.clock import Clock
from deployd.limits.cgroup import Cgroups, Group
from deployd.ports.runtime import Launch
from deployd.runtimes import procfs
from deployd.runtimes.child import Child, open_output
from deployd.runtimes.command import mark
from deployd.runtimes.crew import Crew
from deployd.runtimes.launcher import Launcher, Started
from deployd.runtimes.output_pipe import OutputPipe
from deployd.runtimes.ports import PortReservations, listens
from deployd.runtimes.watch import OnExit, Watch

_KILL_SECONDS = 10.0


class ProcessRuntime:
    """`folder` holds one output file for each instance; `user` is whom instances run as when deployd is root.

    Built inside the running loop that also closes it; closing it ends nobody.
    """

    def __init__(self, folder: Path, clock: Clock, user: str | None = None) -> None:
        self._folder = folder
        self._clock = clock
        self._cgroups = Cgroups()
        self._launcher = Launcher(self._cgroups, user)
        self._ports = PortReservations(clock)
        self._watches: dict[InstanceId, Watch] = {}

    async def free_port(self) -> int:
        return self._ports.take()

    async def start(self, launch: Launch, on_exit: Callable[[Exit], None]) -> Instance:
        if launch.instance.id in self._watches:
            raise StateConflict(f"Instance {launch.instance.id} runs already.")
        output = await asyncio.to_thread(open_output, self.output(launch.instance))
        try:
            return (await self._launch(launch, output, on_exit)).instance
        finally:
            os.close(output)

    async def adopt(self, instance: Instance, on_exit: Callable[[Exit], None], limits: Limits) -> bool:
        known = self._watches.get(instance.id)
        if known is not None:  # its owner was restarted, deployd was not
            known.tell = self._teller(known.instance, on_exit)
            return True
        group = await asyncio.to_thread(self._cgroups.find, instance.id, instance.pid)
        if await asyncio.to_thread(self._is_ours, instance, group):
            await asyncio.to_thread(group.limit_again, limits)
            with suppress(ProcessLookupError):
                self._watch(instance, group, None, on_exit)
                return True
        await self.stop(instance, grace_seconds=0)  # what a leader that ended meanwhile left running
        return False

    async def stop(self, instance: Instance, grace_seconds: float = 10.0) -> None:
        watch = self._watches.get(instance.id)
        if watch is None:
            await _end(*await asyncio.to_thread(self._remains, instance), grace_seconds)
            return
        watch.stoppers += 1
        try:
            await _end(watch.crew, watch.group, grace_seconds)
            await watch.ended.wait()
        finally:
            watch.stoppers -= 1

    async def owns_port(self, instance: Instance) -> bool:
        if instance.port is None:
            return False
        return await asyncio.to_thread(self._listens, instance, instance.port)

    def output(self, instance: Instance) -> Path:
        return self._folder / f"{instance.id}.log"

    async def run_once(self, launch: Launch, on_line: Callable[[str], None], timeout_seconds: float) -> Exit:
        """StartFailed when the time is over. Its output is streamed, not kept."""
        over: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        async with OutputPipe(on_line) as pipe:
            watch = await self._launch(launch, pipe.writer.fileno(), over.set_result)
            pipe.writer.close()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await watch.ended.wait()
                    await pipe.drained.wait()
            except TimeoutError:
                raise StartFailed(
                    f"The process {launch.instance.process!r} did not end within {timeout_seconds:g} s and was stopped."
                ) from None
            finally:
                if not watch.ended.is_set():
                    await self.stop(watch.instance, grace_seconds=0)
        return over.result()

    def warnings(self) -> tuple[str, ...]:
        return self._launcher.warnings()

    def close(self) -> None:
        """Lets go of every instance without ending it."""
        for watch in self._watches.values():
            watch.leave()
        self._watches.clear()
        self._ports.close()

    async def _launch(self, launch: Launch, output: int, on_exit: OnExit) -> Watch:
        started = await self._started(launch, output)
        watch = self._watch(started.instance, started.group, started.child.process, on_exit)
        started.child.open_gate()
        return watch

    async def _started(self, launch: Launch, output: int) -> Started:
        starting = asyncio.get_running_loop().run_in_executor(None, self._launcher.start, launch, output)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])  # the thread still uses `output`; it takes milliseconds
            if starting.exception() is None:
                await asyncio.to_thread(starting.result().abandon)
            raise

    def _watch(self, instance: Instance, group: Group, process: Child | None, on_exit: OnExit) -> Watch:
        crew = Crew(instance, group, self._clock)
        watch = Watch(instance, group, crew, process, self._teller(instance, on_exit))
        self._watches[instance.id] = watch
        self._ports.use(instance.port)
        return watch

    def _teller(self, instance: Instance, on_exit: OnExit) -> OnExit:
        def tell(end: Exit) -> None:
            self._watches.pop(instance.id, None)
            self._ports.release(instance.port)
            on_exit(end)

        return tell

    def _remains(self, instance: Instance) -> tuple[Crew, Group]:
        """What is left of an instance that is not watched; a pid that may be somebody else's now proves nothing."""
        group = self._cgroups.find(instance.id, instance.pid)
        if not self._is_ours(instance, group):
            instance = msgspec.structs.replace(instance, pid=None, pid_started=None)
        return Crew(instance, group, self._clock), group

    def _is_ours(self, instance: Instance, group: Group) -> bool:
        """Pid and start time, and one sign of this instance that the app has not wiped away: env, output, group."""
        stat = None if instance.pid is None else procfs.stat(instance.pid)
        if instance.pid is None or stat is None or not stat.alive or stat.started != instance.pid_started:
            return False
        return (
            mark(instance.id) in procfs.environ(instance.pid)
            or str(self.output(instance).resolve()) in procfs.open_files(instance.pid).values()
            or instance.pid in group.pids()
        )

    def _listens(self, instance: Instance, port: int) -> bool:
        watch = self._watches.get(instance.id)
        crew = watch.crew if watch else self._remains(instance)[0]
        return listens((member.pid for member in crew.members()), port)


async def _end(crew: Crew, group: Group, grace_seconds: float) -> None:
    await crew.terminate(grace_seconds)
    await asyncio.to_thread(crew.kill, _KILL_SECONDS)
    await asyncio.to_thread(group.remove)
