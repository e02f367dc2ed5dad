"""Python projects: uv installs into a `.venv` inside the project; the framework found says what to run."""

from deployd.builders.project import Declared, Project, Recipe
from deployd.builders.python.assets import Assets, find_assets
from deployd.builders.python.dependencies import find_environment
from deployd.builders.python.environment import Environment
from deployd.builders.python.manifest import Manifests, read_manifests
from deployd.builders.python.rows import ROWS
from deployd.builders.python.versions import python_tool
from deployd.builders.python.web import Web, find_framework, find_script
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

NAME = "python"
MARKS = ("pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "Pipfile", "setup.py", "manage.py")

_IN_VENV = 'export PATH="$PWD/.venv/bin:$PATH"; '
"""Before commands that people wrote: they mean the project's own programs."""


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    manifests = read_manifests(project)
    environment = _environment(manifests, declared)
    if environment is None:
        return None
    web = _web(manifests, declared, environment)
    return _plan(manifests, declared, environment, web)


def _environment(manifests: Manifests, declared: Declared) -> Environment | None:
    """A bare script is a Python project, too, unless something else here says what is to be run or served."""
    environment = find_environment(manifests)
    if environment is None:
        nothing_said = "web" not in declared.processes and not manifests.project.has("index.html", "package.json")
        chosen = declared.settings.builder == NAME
        if chosen or (nothing_said and find_script(manifests, installed=False)):
            environment = Environment(
                source="", pinned=True, reasons=("No file asks for packages: none is installed.",)
            )
    install = declared.settings.install
    if environment is None or install is None:
        return environment
    return Environment(
        source="`build.install`",
        install=(_IN_VENV + install,) if install else (),
        packages=environment.packages,
        pinned=not install,
        reasons=("`build.install` is run to install packages." if install else "`build.install` says: no packages.",),
    )


def _web(manifests: Manifests, declared: Declared, environment: Environment) -> Web | None:
    """None when the processes are declared and are enough. BuildFailed when nothing can be run."""
    project = manifests.project
    if declared.settings.output is not None:
        return None
    found = find_framework(project, environment.packages)
    if found and not environment.source:
        raise BuildFailed(f"{found.reasons[0]} No file says which packages it needs: add a requirements.txt.")
    found = found or find_script(manifests, installed=bool(environment.own) or environment.source.startswith("setup."))
    if found is None and not declared.processes:
        raise BuildFailed("No web process found for this Python project: add a Procfile with a line `web: COMMAND`.")
    return found


def _plan(manifests: Manifests, declared: Declared, environment: Environment, web: Web | None) -> BuildPlan:
    settings, project = declared.settings, manifests.project
    python, said = python_tool(manifests, settings.tools)
    assets = find_assets(project, settings.tools)
    guessed = web if web and "web" not in declared.processes else None
    processes, told = _processes(declared, web) if settings.output is None else ({}, ())
    steps, build_told = _steps(declared, environment, assets, web)
    served = f"`{processes['web']}`" if "web" in processes else "the declared processes"
    if settings.output is not None:
        served = f"the proxy serves {settings.output}"
    return BuildPlan(
        builder=NAME,
        why=f"Python: uv installs what {environment.source or 'nothing'} asks for, then {served}.",
        reasons=(
            *said,
            *environment.reasons,
            *assets.reasons,
            *(guessed.reasons if guessed else ()),
            *told,
            *build_told,
        ),
        root=project.root,
        tools=(python, *assets.tools),
        dependencies=environment.dependencies(project, guessed.add if guessed and settings.install != "" else ()),
        steps=steps,
        static_root=project.path(settings.output) if settings.output is not None else None,
        spa=bool(settings.spa),
        processes=processes,
        env={"PYTHONPATH": web.path} if web and web.path else {},
        health=guessed.health if guessed else None,
    )


def _processes(declared: Declared, web: Web | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Whoever says what `web` runs has thought of migrations as well, or wants none."""
    if "web" in declared.processes or web is None:
        reasons = () if web else ("No web process is declared or found.",)
        return dict(declared.processes), () if "web" in declared.processes else reasons
    guessed = {"release": web.release} if web.release else {}
    told = (
        ("Migrations run as `release`, before the switch.",) if guessed and "release" not in declared.processes else ()
    )
    return {**guessed, **declared.processes, "web": web.command}, told


def _steps(
    declared: Declared, environment: Environment, assets: Assets, web: Web | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Assets before they are collected, and the project itself before both: either may need it."""
    build = declared.settings.build
    if build is not None:
        told = "`build.build` is run instead of what would be." if build else "`build.build` says: nothing to build."
        return (*environment.own, *((_IN_VENV + build,) if build else ())), (told,)
    return (*environment.own, *assets.build, *(web.build if web else ()), *assets.after), ()


RECIPE = Recipe(name=NAME, title="Python", detect=detect, rows=ROWS, marks=MARKS)
