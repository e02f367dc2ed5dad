"""Turns a checked-out project into something that runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from deployd.domain.release import BuildPlan


class Builder(Protocol):
    async def plan(self, project: Path, commands: Mapping[str, str]) -> BuildPlan:
        """Looks at the files only; `commands` are the app's own process commands. BuildFailed when nothing fits."""
        ...

    async def build(
        self,
        project: Path,
        plan: BuildPlan,
        env: Mapping[str, str],
        cache: Path,
        on_line: Callable[[str], None],
    ) -> None:
        """Runs the plan's steps inside `project`, sandboxed where it can be, with only `env` and the plan's own.

        BuildFailed names the step and its exit code, or the limit it broke. Cancelling kills every process of it.
        """
        ...
