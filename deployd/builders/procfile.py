"""A Procfile: one `name: command` a line; alone it is enough to run any project that needs no build."""

import re

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*:\s*(\S.*)")


def parse_procfile(text: str) -> dict[str, str]:
    """BuildFailed naming the first line that is not of the form `name: command`, or says a name again."""
    processes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
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
    source = "Procfile" if project.has("Procfile") else "app's commands"
    return BuildPlan(
        builder="procfile",
        why=f"Nothing to build: the {source} says what to run.",
        processes=dict(declared.processes),
    )


RECIPE = Recipe(
    name="procfile",
    title="Commands only",
    detect=detect,
    rows=(Recognised(what="a Procfile, or commands in deployd.toml", how="Nothing is built; the commands run."),),
)
