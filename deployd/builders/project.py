"""What detection may look at: the names of a project's files, and the text of the few that say how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deployd.domain.build import BuildPlan, BuildSettings


@dataclass(frozen=True, kw_only=True)
class Project:
    """`files` are paths relative to the folder `root` of the repository, without folders; `read` gives one's text.

    `top` is the whole repository when this is one folder of it, else None.
    """

    files: frozenset[str]
    read: Callable[[str], str]
    root: str = "."
    top: "Project | None" = None

    def has(self, *names: str) -> bool:
        return any(name in self.files for name in names)

    def first(self, *names: str) -> str | None:
        """The first of the names that is there."""
        return next((name for name in names if name in self.files), None)

    def text(self, name: str) -> str:
        """Empty when there is no such file."""
        return self.read(name) if name in self.files else ""

    def at(self, folder: str) -> "Project":
        """The same repository seen from one of its folders ("." is the whole)."""
        whole = self.top or self
        if folder == ".":
            return whole
        prefix = folder.rstrip("/") + "/"
        return Project(
            files=frozenset(name.removeprefix(prefix) for name in whole.files if name.startswith(prefix)),
            read=lambda name: whole.read(prefix + name),
            root=folder.rstrip("/"),
            top=whole,
        )

    def path(self, name: str) -> str:
        """The name of a file or folder of this view, relative to the repository."""
        if self.root == ".":
            return name
        return self.root if name == "." else f"{self.root}/{name}"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What was said before detection looks: deployd.toml first, then the repository's own word.

    `processes` come from the settings' commands, `start` and the Procfile; a plan with processes must have them.
    `env` holds the defaults of app.json and `reasons` tell what was declared; detection adds both to every plan.
    """

    processes: Mapping[str, str] = field(default_factory=dict)
    settings: BuildSettings = field(default_factory=BuildSettings)
    env: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


Detect = Callable[[Project, Declared], BuildPlan | None]
"""A builder's plan for the project, or None when the project is not of its kind.

BuildFailed when the project is of its kind and still cannot be built, with what to change. Overrides of install, build,
start, output and spa are applied by the builder, which knows what they replace.
"""


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """A row of docs/builders.md: what is found, and what is done then."""

    what: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One kind of project. `name` is what `build.builder` in deployd.toml says; `rows` document `detect`.

    `marks` are the files that speak for this kind: what a plan of another kind names as seen and not used.
    """

    name: str
    title: str
    detect: Detect
    rows: tuple[Recognised, ...]
    marks: tuple[str, ...] = ()
