"""The last resort: a script named start.sh or run.sh."""

import shlex

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told
from deployd.domain.build import BuildPlan

_SCRIPTS = ("start.sh", "run.sh")


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    script = project.first(*_SCRIPTS)
    if script is None or declared.processes:
        return None
    text = project.text(script)
    shell = "bash" if "bash" in text.split("\n", 1)[0] else "sh"
    windows = "\r\n" in text
    plan = BuildPlan(
        builder="shell",
        why=f"A script: `{shell} {script}` runs, it must listen on $PORT.",
        reasons=(f"{script} has the line ends of Windows, which no shell takes: they are changed.",) if windows else (),
        root=project.root,
        steps=(f"sed -i 's/\\r$//' {shlex.quote(script)}",) if windows else (),
        processes={"web": f"{shell} {script}"},
    )
    return as_told(plan, declared.settings)


RECIPE = Recipe(
    name="shell",
    title="Scripts",
    detect=detect,
    rows=(Recognised(what="`start.sh` or `run.sh`, and nothing else", how="The script runs."),),
    marks=_SCRIPTS,
)
