"""A folder of files that a browser can take as they are."""

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.domain.build import BuildPlan

_ROOTS = {".": "index.html", "public": "public/index.html", "dist": "dist/index.html"}


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if project.has("package.json") or declared.processes:
        return None
    for root, page in _ROOTS.items():
        if project.has(page):
            return BuildPlan(
                builder="static",
                why=f"Static files: there is {page} and nothing that needs a process.",
                static_root=root,
            )
    return None


RECIPE = Recipe(
    name="static",
    title="Static files",
    detect=detect,
    rows=(Recognised(what="index.html at the top, in public/ or in dist/", how="The proxy serves that folder."),),
)
