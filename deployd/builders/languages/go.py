"""Go: one binary out of the module at hand, with the host's own go."""

import re
import shlex

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, refuse_build_alone, tool
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_BINARY = ".deployd/app"
_MAIN = re.compile(r"^package\s+main\b", re.M)
_MODULE = re.compile(r"^module\s+(\S+)", re.M)
_FOLDER = re.compile(r"(?:cmd/)?[\w.-]+")
_USUAL = ("server", "web", "api", "app", "main", "cmd/server", "cmd/web", "cmd/api", "cmd/app", "cmd/main")
_MOST_READ = 400


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("go.mod"):
        return None
    refuse_build_alone(declared, "Go")
    steps: tuple[str, ...]
    if "web" in declared.processes:
        steps, what = ("mkdir -p bin", "go build -o bin/ ./..."), "every program into bin/"
    else:
        folder = _program(project)
        if folder is None:
            return None
        steps, what = (f"go build -o {_BINARY} {folder}",), f"the program in {folder}"
    plan = BuildPlan(
        builder="go",
        why=f"Go: `go build` makes {what}; it must listen on $PORT.",
        root=project.root,
        tools=(tool("go", declared.settings),),
        steps=steps,
        processes={"web": f"./{_BINARY}", **declared.processes},
    )
    return as_told(plan, declared.settings)


def _program(project: Project) -> str | None:
    """The folder of the program that serves, as go names it; None when the module holds no program at all."""
    folders = _programs(project)
    if "." in folders:
        return "."
    own = _own_names(project)
    for name in (*own, *_USUAL):
        if name in folders:
            return _argument(name)
    if len(folders) > 1:
        raise BuildFailed(
            f"This Go module holds several programs ({', '.join(sorted(folders)[:8])}): "
            "say one with `build.build` and `build.start`, such as "
            f"`go build -o app ./{sorted(folders)[0]}` and `./app`."
        )
    return _argument(next(iter(folders))) if folders else None


def _programs(project: Project) -> set[str]:
    """Folders with a `package main`: the top, its folders, and those in cmd/."""
    found: set[str] = set()
    sources = sorted(name for name in project.files if name.endswith(".go") and not name.endswith("_test.go"))
    near = [name for name in sources if "/" not in name or _FOLDER.fullmatch(name.rpartition("/")[0])]
    for name in near[:_MOST_READ]:
        folder = name.rpartition("/")[0] or "."
        if folder not in found and _MAIN.search(project.text(name)):
            found.add(folder)
    return found - {"vendor", "examples", "tools", "scripts"}


def _own_names(project: Project) -> tuple[str, ...]:
    module = _MODULE.search(project.text("go.mod"))
    if module is None:
        return ()
    parts = [part for part in module[1].strip('"').split("/") if not re.fullmatch(r"v\d+", part)]
    return (f"cmd/{parts[-1]}", parts[-1]) if parts else ()


def _argument(folder: str) -> str:
    return shlex.quote(f"./{folder}")


RECIPE = Recipe(
    name="go",
    title="Go",
    detect=detect,
    rows=(
        Recognised(
            what="`go.mod` and a `package main` at the top, in `cmd/NAME` or in one folder",
            how=f"`go build -o {_BINARY}`; of several programs the one named like the module, then server, web, api, "
            "app, main; the binary serves.",
        ),
        Recognised(
            what="`go.mod` and a `Procfile` with `web`",
            how="`go build -o bin/ ./...`; the commands name the programs as `bin/NAME`.",
        ),
    ),
    marks=("go.mod",),
)
