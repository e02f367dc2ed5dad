"""Plans and carries out builds: detection in a process apart, tools, packages and steps in the workshop."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from deployd.builders.caches.app_cache import AppCache
from deployd.builders.caches.packages import Packages
from deployd.builders.detection.detector import Detector
from deployd.builders.precompress import precompress
from deployd.builders.workshop import Place, Workshop
from deployd.domain.build import BuildPlan, BuildWishes, Dependencies
from deployd.domain.errors import BuildFailed
from deployd.kernel.in_thread import in_thread
from deployd.kernel.owned_tasks import OwnedTasks
from deployd.ports.toolchains import Toolchains

OnLine = Callable[[str], None]

_NO_PACKAGES = Dependencies(steps=(), folders=())


class SandboxedBuilder:
    """`timeout_seconds` is for everything that one build does, `cache_mb` for everything that is kept for an app."""

    def __init__(
        self,
        workshop: Workshop,
        toolchains: Toolchains,
        *,
        timeout_seconds: float = 900.0,
        cache_mb: int = 2048,
        detector: Detector | None = None,
    ) -> None:
        self._workshop = workshop
        self._toolchains = toolchains
        self._timeout_seconds = timeout_seconds
        self._cache_bytes = cache_mb << 20
        self._in_use: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._tasks = OwnedTasks()
        self._unsettled: dict[Path, Packages] = {}
        self._detector = detector or Detector()

    def warnings(self) -> tuple[str, ...]:
        return self._workshop.warnings()

    async def look(self) -> None:
        await self._workshop.look()

    def expect(self) -> None:
        self._detector.expect()

    async def plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        return await self._detector.plan(project, wishes)

    async def close(self) -> None:
        await self._detector.close()

    async def build(
        self,
        project: Path,
        plan: BuildPlan,
        env: Mapping[str, str],
        cache: Path,
        on_line: OnLine,
    ) -> BuildPlan:
        """Builds with the same `cache` wait for each other."""
        async with self._in_use.setdefault(cache, asyncio.Lock()):
            await self.settle(cache)
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    plan = await self._build(project, plan, env, cache, on_line)
            except TimeoutError:
                raise BuildFailed(f"The build took longer than {self._timeout_seconds:g} s and was stopped.") from None
        await asyncio.to_thread(_check_output, project, plan)
        if plan.static_root is not None:
            on_line(str(await precompress(project / plan.static_root)))
        return plan

    async def settle(self, cache: Path) -> None:
        if (packages := self._unsettled.pop(cache, None)) is not None:
            await packages.stored()

    async def tidy(self, cache: Path) -> str | None:
        async with self._in_use.setdefault(cache, asyncio.Lock()):
            await self.settle(cache)
            try:
                await in_thread(lambda check: AppCache(cache).tidy(self._cache_bytes, check))
            except OSError as error:
                return f"The build cache {cache.name} could not be tidied: {error.strerror or error}."
        return None

    async def _build(
        self, project: Path, plan: BuildPlan, env: Mapping[str, str], folder: Path, on_line: OnLine
    ) -> BuildPlan:
        if plan.tools:
            await asyncio.to_thread(_load)
        plan = msgspec.structs.replace(plan, tools=await self._toolchains.provide(plan.tools, on_line))
        dependencies = plan.dependencies or _NO_PACKAGES
        if not (dependencies.steps or plan.steps):
            return plan
        programs = self._toolchains.programs(plan.tools)
        env = {**self._toolchains.env(plan.tools), **plan.env, **env}
        cache = AppCache(folder)
        place = Place(project=project, cache=cache.work, env=env, programs=programs)
        packages = Packages(dependencies, self._workshop, place, cache.trees, self._tasks, on_line)
        self._unsettled[folder] = packages
        await in_thread(lambda check: cache.open())
        await self._workshop.prepare(place, on_line)
        await packages.install(plan.tools)
        try:
            await self._build_app(plan, place, packages, cache, on_line)
        except BuildFailed:
            await in_thread(lambda check: cache.close())
            raise
        await in_thread(lambda check: cache.close())
        return plan

    async def _build_app(
        self, plan: BuildPlan, place: Place, packages: Packages, cache: AppCache, on_line: OnLine
    ) -> None:
        await _bring_kept(cache, plan, place, on_line)
        for step in plan.steps:
            await self._workshop.run(step, place, on_line, plan.root)
        await packages.prune()
        await _take_out_kept(cache, plan, place, on_line)


def _load() -> None:
    """What chooses versions and sets networks up: neither a start waits for it, nor the event loop at its first use."""
    import nodesemver  # noqa: F401
    import packaging.specifiers  # noqa: F401
    import psutil  # noqa: F401


async def _bring_kept(cache: AppCache, plan: BuildPlan, place: Place, on_line: OnLine) -> None:
    if plan.kept:
        try:
            await in_thread(lambda check: cache.kept.bring(place.project, plan.kept, check))
        except OSError as error:
            on_line(f"warning: the framework's cache could not be brought: {error.strerror or error}.")


async def _take_out_kept(cache: AppCache, plan: BuildPlan, place: Place, on_line: OnLine) -> None:
    if plan.kept:
        try:
            await in_thread(lambda check: cache.kept.take_out(place.project, plan.kept, check))
        except OSError as error:
            on_line(f"warning: the framework's cache could not be kept: {error.strerror or error}.")


def _check_output(project: Path, plan: BuildPlan) -> None:
    """The output folder could have been made a link to any folder of this host, which would then be served."""
    if plan.static_root is None:
        return
    root, output = project.resolve(), (project / plan.static_root).resolve()
    if not output.is_dir():
        raise BuildFailed(f"The build ended well but left no folder {plan.static_root!r} to serve.")
    if not output.is_relative_to(root):
        raise BuildFailed(f"The folder {plan.static_root!r} is a link that leads out of the project; make it a folder.")
