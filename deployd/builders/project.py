"""What detection may look at: the names of a project's files, and the text of the few that say how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployd.domain.release import BuildPlan


@dataclass(frozen=True, kw_only=True)
class Project:
    """`files` are paths relative to the project, without folders. `read` gives the text of one of them."""

    files: frozenset[str]
    read: Callable[[str], str]

    def has(self, *names: str) -> bool:
        return any(name in self.files for name in names)

    def first(self, *names: str) -> str | None:
        """The first of the names that is there."""
        return next((name for name in names if name in self.files), None)

    def text(self, name: str) -> str:
        """Empty when there is no such file."""
        return self.read(name) if name in self.files else ""


Detect = Callable[[Project, Mapping[str, str]], BuildPlan | None]
"""A builder: its plan for the project, or None when the project is not of its kind.

The mapping holds the processes that a Procfile or the app's settings declare; a plan with processes must have them.
BuildFailed when the project is of its kind and still cannot be built, with what to change.
"""
