"""Decides from a project's files how it is built and run: a new kind is one recipe and a place in RECIPES."""

from deployd.builders import procfile
from deployd.builders.node import recipe as node
from deployd.builders.procfile import parse_procfile
from deployd.builders.project import Declared, Project, Recipe
from deployd.builders.python import recipe as python
from deployd.builders.static import recipe as static
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

RECIPES: tuple[Recipe, ...] = (node.RECIPE, python.RECIPE, procfile.RECIPE, static.RECIPE)
"""The first that knows the project makes the plan."""

_PYTHON = ("python", "uvicorn", "gunicorn", "hypercorn", "flask", "fastapi", "daphne", "waitress-serve", "uv ")
_PYTHON_FIRST = (python.RECIPE, *(recipe for recipe in RECIPES if recipe is not python.RECIPE))
_MOST_SHOWN = 12


def detect(project: Project, wishes: BuildWishes) -> BuildPlan:
    """BuildFailed when nothing fits."""
    declared = Declared(
        processes={**parse_procfile(project.text("Procfile")), **wishes.commands}, settings=wishes.settings
    )
    for recipe in _PYTHON_FIRST if _python_serves(project, declared) else RECIPES:
        if plan := recipe.detect(project, declared):
            return plan
    shown = sorted({name.split("/", 1)[0] for name in project.files})
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    raise BuildFailed(
        "Nothing here says how to run this project: add an index.html, package.json, requirements.txt, "
        f"pyproject.toml or Procfile. Found: {', '.join(shown[:_MOST_SHOWN]) or 'no files at all'}{more}."
    )


def _python_serves(project: Project, declared: Declared) -> bool:
    """A package.json beside Python is there for the assets when it is Python that serves."""
    return declared.processes.get("web", "").startswith(_PYTHON) or project.has("manage.py")
