"""Deno projects: packages are fetched into the project; a task or the main file serves."""

import re
from typing import Any

from deployd.builders.node.texts import loose_json, table, text, within
from deployd.builders.node.versions import pinned
from deployd.builders.project import Declared, Project, Recognised
from deployd.domain.build import BuildPlan, Dependencies, Tool
from deployd.domain.errors import BuildFailed

_CONFIGS = ("deno.json", "deno.jsonc")
_ENTRIES = tuple(
    f"{folder}{name}.{ending}"
    for folder in ("", "src/")
    for name in ("main", "server", "mod", "index", "app")
    for ending in ("ts", "tsx", "js", "mjs")
)
_PACKAGES = ".deno"
_LISTEN = "DENO_SERVE_ADDRESS=tcp:127.0.0.1:$PORT"
"""Deno's own server ignores PORT; this overrules whatever address the program names."""

_SERVES = re.compile(r"^export default \{|satisfies Deno\.ServeDefaultExport", re.M)
_DEVELOPMENT = re.compile(r"\bdeno\b.*--watch|\bdev\b|\bvite\b(?!\s+build)")


def runs(project: Project) -> bool:
    """With a package.json beside it, Deno is meant when its own file has what starts the app and node's has not."""
    if project.first(*_CONFIGS, "deno.lock") is None:
        return False
    if not project.has("package.json"):
        return project.has(*_CONFIGS, *_ENTRIES)
    return "start" in _tasks(_config(project)) and "start" not in table(
        within(loose_json(project.text("package.json")), "scripts")
    )


def plan(project: Project, declared: Declared) -> BuildPlan:
    """BuildFailed when nothing says what to start."""
    config = _config(project)
    entry = project.first(*_ENTRIES)
    command, reason = _web(project, declared, config, entry)
    steps = _steps(declared, _tasks(config))
    return BuildPlan(
        builder="node",
        why=f"Deno: {', '.join(['packages are fetched', *(f'`{step}`' for step in steps)])}, then `{command}` serves.",
        reasons=("Deno's own configuration is here.", reason),
        root=project.root,
        tools=(Tool(name="deno", wanted=_version(project, declared)),),
        dependencies=_dependencies(project, declared, entry),
        steps=steps,
        processes={**declared.processes, "web": command},
        env={"DENO_DIR": _PACKAGES, "DENO_NO_UPDATE_CHECK": "1", "DENO_NO_PROMPT": "1"},
    )


def _config(project: Project) -> dict[str, Any]:
    name = project.first(*_CONFIGS)
    return loose_json(project.text(name)) if name else {}


def _tasks(config: dict[str, Any]) -> dict[str, str]:
    """A task is a command, or an object with one."""
    tasks = config.get("tasks")
    said = tasks.items() if isinstance(tasks, dict) else ()
    return {name: text(within(task, "command")) if isinstance(task, dict) else text(task) for name, task in said}


def _web(project: Project, declared: Declared, config: dict[str, Any], entry: str | None) -> tuple[str, str]:
    tasks = _tasks(config)
    if "web" in declared.processes:
        return declared.processes["web"], "The web process is the one that was declared."
    if declared.settings.start:
        return declared.settings.start, "The setting build.start says what starts it."
    for name in ("start", "serve", "preview"):
        if tasks.get(name) and not _DEVELOPMENT.search(tasks[name]):
            return f"{_LISTEN} deno task {name}", f"The task `{name}` starts it."
    if entry is None:
        raise BuildFailed(
            f"{project.path('deno.json')} has no `start` task and there is no main.ts: add one of them, or a Procfile."
        )
    if _SERVES.search(project.text(entry)) and "Deno.serve(" not in project.text(entry):
        return f"deno serve --allow-all --host 127.0.0.1 --port $PORT {entry}", f"{entry} exports a server."
    return f"{_LISTEN} deno run --allow-all {entry}", f"{entry} is the main file."


def _steps(declared: Declared, tasks: dict[str, str]) -> tuple[str, ...]:
    if declared.settings.build is not None:
        return (declared.settings.build,) if declared.settings.build else ()
    return ("deno task build",) if "build" in tasks else ()


def _dependencies(project: Project, declared: Declared, entry: str | None) -> Dependencies | None:
    if declared.settings.install == "":
        return None
    locked = project.has("deno.lock")
    names = [name for name in (*_CONFIGS, "deno.lock", "package.json", ".npmrc") if name in project.files]
    frozen = " --frozen" if locked else ""
    steps = ["deno install" + frozen] if project.has(*_CONFIGS, "package.json") else []
    steps += [f"deno install{frozen} --entrypoint {entry}"] if entry else []
    return Dependencies(
        steps=(declared.settings.install,) if declared.settings.install else tuple(steps),
        at=project.root,
        folders=(project.path(_PACKAGES), project.path("node_modules")),
        inputs=tuple(project.path(name) for name in names),
        # What is fetched is what the sources import, which the lockfile holds whole.
        reusable=locked,
    )


def _version(project: Project, declared: Declared) -> str:
    own = project.text(".dvmrc").strip().removeprefix("v")
    return declared.settings.tools.get("deno") or own or next((version for _, version in pinned(project, "deno")), "")


ROWS = (
    Recognised(what="deno.json, deno.jsonc or deno.lock", how="Deno: the task `start`, or main.ts."),
    Recognised(what="deno.json with a task `build`", how="`deno task build` before that."),
)
