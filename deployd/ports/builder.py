"""Turns a checked-out project into something that runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from deployd.domain.build import BuildPlan, BuildWishes


class Builder(Protocol):
    def warnings(self) -> tuple[str, ...]:
        """What builds go without on this host, as of the last `look` or build: one sentence each, with what to do."""
        ...

    async def look(self) -> None:
        """Finds out how far this host can shut builds in."""
        ...

    def expect(self) -> None:
        """A project will have to be planned soon."""
        ...

    async def plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        """Looks at the files only. BuildFailed when nothing fits, or a variable that the project requires is unset."""
        ...

    async def build(
        self,
        project: Path,
        plan: BuildPlan,
        env: Mapping[str, str],
        cache: Path,
        on_line: Callable[[str], None],
    ) -> BuildPlan:
        """Carries the plan out inside `project`, sandboxed where it can be, with only `env` and the plan's own.

        The answer is the plan with exact versions of its tools. `cache` is the app's own folder; what it holds is
        only ever what a build that ended well has left. BuildFailed names the step and its exit code, or the limit
        it broke. Cancelling kills every process of it.
        """
        ...

    async def settle(self, cache: Path) -> None:
        """To be called before the project of the last build with this `cache` is changed or removed.

        Packages may still be on their way from it into the cache; the project can be read meanwhile.
        """
        ...

    async def tidy(self, cache: Path) -> str | None:
        """After a build, however it ended: keeps `cache` below its budget and gets it ready for the next build.

        Nothing waits for it but the next build with the same `cache`. The reason when it could not be done.
        """
        ...
