"""A folder of files that a browser can take as they are."""

from collections.abc import Mapping

from deployd.builders.project import Project
from deployd.domain.release import BuildPlan

_ROOTS = {".": "index.html", "public": "public/index.html", "dist": "dist/index.html"}


def detect(project: Project, declared: Mapping[str, str]) -> BuildPlan | None:
    if project.has("package.json") or declared:
        return None
    for root, page in _ROOTS.items():
        if project.has(page):
            return BuildPlan(
                builder="static",
                why=f"Static files: there is {page} and nothing that needs a process.",
                static_root=root,
            )
    return None
