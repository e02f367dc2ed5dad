"""Decides from a project's files how it is built and run: a new kind of project is one file and a place in BUILDERS."""

from collections.abc import Mapping

from deployd.builders import node, procfile, python, static
from deployd.builders.procfile import parse_procfile
from deployd.builders.project import Detect, Project
from deployd.domain.errors import BuildFailed
from deployd.domain.release import BuildPlan

BUILDERS: tuple[Detect, ...] = (node.detect, python.detect, procfile.detect, static.detect)
"""The first that knows the project makes the plan."""

_PYTHON = ("python", "uvicorn", "gunicorn", "hypercorn", "flask", "fastapi", "daphne", "waitress-serve", "uv ")
_PYTHON_FIRST: tuple[Detect, ...] = (python.detect, *(builder for builder in BUILDERS if builder is not python.detect))
_MOST_SHOWN = 12


def detect(project: Project, commands: Mapping[str, str]) -> BuildPlan:
    """`commands` are the app's own and win over the Procfile's. BuildFailed when nothing fits."""
    declared = {**parse_procfile(project.text("Procfile")), **commands}
    for builder in _PYTHON_FIRST if _python_serves(project, declared) else BUILDERS:
        if plan := builder(project, declared):
            return plan
    shown = sorted({name.split("/", 1)[0] for name in project.files})
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    raise BuildFailed(
        "Nothing here says how to run this project: add an index.html, package.json, requirements.txt, "
        f"pyproject.toml or Procfile. Found: {', '.join(shown[:_MOST_SHOWN]) or 'no files at all'}{more}."
    )


def _python_serves(project: Project, declared: Mapping[str, str]) -> bool:
    """A package.json beside Python is there for the assets when it is Python that serves."""
    return declared.get("web", "").startswith(_PYTHON) or project.has("manage.py")
