"""A folder of files that a browser can take as they are."""

import posixpath

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_FOLDERS = (".", "public", "dist", "build", "site", "www", "docs", "_site", "htdocs", "html", "out")


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if declared.processes:
        return None
    if declared.settings.output is not None:
        return _as_said(project, declared, declared.settings.output)
    found = [folder for folder in _FOLDERS if project.has(_page(folder))]
    if not found:
        return None
    others = ", ".join(_page(folder) for folder in found[1:])
    plan = BuildPlan(
        builder="static",
        why=f"Static files: there is {_page(found[0])} and nothing that needs a process.",
        reasons=(f"{_page(found[0])} comes before {others}; `build.output` names another folder.",) if others else (),
        root=project.root,
        static_root=project.path(found[0]),
    )
    return as_told(plan, declared.settings)


def _as_said(project: Project, declared: Declared, output: str) -> BuildPlan:
    """What a build command makes is not there yet; without one, the folder must be."""
    folder = posixpath.normpath(output)
    made = declared.settings.build or declared.settings.install
    if not made and folder != "." and not any(name.startswith(f"{folder}/") for name in project.files):
        raise BuildFailed(f"`build.output` is {output!r}, and there is no such folder: name one, or say `build.build`.")
    plan = BuildPlan(
        builder="static",
        why=f"Static files: `build.output` says that {project.path(folder)}/ is served.",
        root=project.root,
    )
    return as_told(plan, declared.settings)


def _page(folder: str) -> str:
    return "index.html" if folder == "." else f"{folder}/index.html"


RECIPE = Recipe(
    name="static",
    title="Static files",
    detect=detect,
    rows=(
        Recognised(
            what=f"`index.html` at the top or in {', '.join(f'{folder}/' for folder in _FOLDERS[1:])}",
            how="The proxy serves the first of these folders. With `build.spa` index.html answers for unknown paths.",
        ),
        Recognised(
            what="`build.output` and no file of the kinds above", how="`build.build` runs; the proxy serves the folder."
        ),
    ),
)
