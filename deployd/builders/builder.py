"""Plans and carries out builds: detection in a thread, tools, packages and steps in the workshop."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.workshop import Place, Workshop
from deployd.domain.build import BuildPlan, BuildWishes, Dependencies
from deployd.domain.errors import BuildFailed
from deployd.ports.toolchains import Toolchains


class SandboxedBuilder:
    """`timeout_seconds` is for everything that one build does."""

    def __init__(self, workshop: Workshop, toolchains: Toolchains, *, timeout_seconds: float = 900.0) -> None:
        self._workshop = workshop
        self._toolchains = toolchains
        self._timeout_seconds = timeout_seconds

    async def plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        return await asyncio.to_thread(lambda: detect(list_project(project), wishes))

    async def build(
        self,
        project: Path,
        plan: BuildPlan,
        env: Mapping[str, str],
        cache: Path,
        on_line: Callable[[str], None],
    ) -> BuildPlan:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                plan = await self._build(project, plan, env, cache, on_line)
        except TimeoutError:
            raise BuildFailed(f"The build took longer than {self._timeout_seconds:g} s and was stopped.") from None
        await asyncio.to_thread(_check_output, project, plan)
        return plan

    async def _build(
        self, project: Path, plan: BuildPlan, env: Mapping[str, str], cache: Path, on_line: Callable[[str], None]
    ) -> BuildPlan:
        plan = msgspec.structs.replace(plan, tools=await self._toolchains.provide(plan.tools, on_line))
        place = Place(
            project=project,
            cache=cache,
            env={**plan.env, **env},
            programs=self._toolchains.programs(plan.tools),
        )
        dependencies = plan.dependencies or Dependencies(steps=(), folders=())
        if dependencies.steps or plan.steps:
            await self._workshop.prepare(place, on_line)
        for step in dependencies.steps:
            await self._workshop.run(step, place, on_line, dependencies.at)
        for step in plan.steps:
            await self._workshop.run(step, place, on_line, plan.root)
        for step in dependencies.prune:
            await self._workshop.run(step, place, on_line, dependencies.at)
        return plan


def _check_output(project: Path, plan: BuildPlan) -> None:
    """The output folder could have been made a link to any folder of this host, which would then be served."""
    if plan.static_root is None:
        return
    root, output = project.resolve(), (project / plan.static_root).resolve()
    if not output.is_dir():
        raise BuildFailed(f"The build ended well but left no folder {plan.static_root!r} to serve.")
    if not output.is_relative_to(root):
        raise BuildFailed(f"The folder {plan.static_root!r} is a link that leads out of the project; make it a folder.")
