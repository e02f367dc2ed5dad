"""A Procfile: one `name: command` a line; alone it is enough to run any project that needs no build."""

import re

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*:\s*(\S.*)")


def parse_procfile(text: str) -> dict[str, str]:
    """BuildFailed naming the first line that is not of the form `name: command`, or says a name again."""
    processes: dict[str, str] = {}
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise BuildFailed(f"Line {number} of Procfile is not of the form `name: command`: {line[:80]!r}.")
        if found[1] in processes:
            raise BuildFailed(f"Line {number} of Procfile names the process {found[1]!r} a second time.")
        processes[found[1]] = found[2]
    return processes


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not declared.processes:
        return None
    source = "the Procfile says" if project.has("Procfile") else "the app's commands say"
    plan = BuildPlan(
        builder="procfile",
        why=f"Commands only: {source} what to run, and nothing here is known to need a build.",
        root=project.root,
        processes=dict(declared.processes),
    )
    return as_told(plan, declared.settings)


RECIPE = Recipe(
    name="procfile",
    title="Commands only",
    detect=detect,
    rows=(
        Recognised(
            what="a `Procfile`, `commands` or `build.start`, and no file of the kinds above",
            how="Nothing is built but what `build.install` and `build.build` say; the commands run.",
        ),
    ),
)
