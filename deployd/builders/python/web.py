"""Finds how a Python project serves the web: Django, an app object, a framework that runs itself, or a plain script."""

import re
from collections.abc import Set
from dataclasses import dataclass

from deployd.builders.project import Project
from deployd.builders.python.django import find_django
from deployd.builders.python.frameworks import App, Kind, find_app
from deployd.builders.python.manifest import Manifests, table
from deployd.builders.python.modules import USUAL, module
from deployd.builders.python.runners import find_runner
from deployd.builders.python.servers import Serving, add_step, serve

_SCRIPTS = tuple(name for name in USUAL if name != "__init__.py")
_BELOW = ("src", "app")
_SERVES = re.compile(r"\bPORT\b|serve_forever|run_app\(|run_simple\(|HTTPServer\(|\.listen\(")


@dataclass(frozen=True, kw_only=True)
class Web:
    """`add` are the steps that install the server when the project brings none; `path` is for PYTHONPATH."""

    command: str
    reasons: tuple[str, ...]
    add: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    release: str = ""
    path: str = ""
    health: str | None = None


def find_framework(project: Project, packages: Set[str]) -> Web | None:
    """What certainly serves, as opposed to a script that may be anything."""
    if django := find_django(project, packages):
        return Web(
            command=django.serving.command,
            reasons=(*django.reasons, _told(django.serving)),
            add=add_step(django.serving),
            build=(django.collect,) if django.collect else (),
            release=django.migrate,
            path=django.path,
        )
    if app := find_app(project, packages):
        return _from_app(app, packages)
    if found := find_runner(project, packages):
        runner, file = found
        reason = f"{runner.title} runs {file.file}."
        return Web(command=runner.command.format(file=file.file), reasons=(reason,), health=runner.health)
    return None


def find_script(manifests: Manifests, *, installed: bool) -> Web | None:
    """`installed` when the project itself is, so that its own commands are there."""
    project = manifests.project
    below = (f"{folder}/{name}" for folder in _BELOW for name in _SCRIPTS)
    if file := project.first(*_SCRIPTS, *below):
        path = module(project, file).path
        return Web(command=f"python {file}", reasons=(f"{file} is run as it is.",), path=path)
    packages = sorted(name for name in project.files if re.fullmatch(r"(src/)?[A-Za-z_]\w*/__main__\.py", name))
    if packages:
        name = packages[0].removesuffix("/__main__.py")
        return Web(
            command=f"python -m {name.removeprefix('src/')}",
            reasons=(f"{packages[0]} is run.",),
            path="src" if name.startswith("src/") else "",
        )
    scripts = {**table(manifests.about, "scripts"), **table(manifests.poetry, "scripts")}
    if installed and len(scripts) == 1 and re.fullmatch(r"[\w.-]+", name := next(iter(scripts))):
        return Web(command=name, reasons=(f"{name} is the one command that the project installs.",))
    return None


def serves(project: Project, packages: Set[str]) -> bool:
    """Whether there is more here than a library or a page of documentation."""
    if find_framework(project, packages) is not None:
        return True
    return any(_SERVES.search(project.text(name)) for name in _SCRIPTS)


def _from_app(app: App, packages: Set[str]) -> Web:
    path = app.module.path
    where = f"{app.framework.title} app `{app.name}` in {app.module.file}"
    if app.framework.kind == Kind.AIOHTTP and _SERVES.search(app.module.text.replace("run_app(", "")):
        return Web(command=f"python {app.module.file}", reasons=(f"{where}, which listens at PORT itself.",), path=path)
    serving = serve(app.framework.kind, f"{app.module.name}:{app.name}", packages, factory=app.factory)
    found = f"{where}{', a function that makes it' if app.factory else ''}."
    return Web(
        command=serving.command, reasons=(f"Found the {found}", _told(serving)), add=add_step(serving), path=path
    )


def _told(serving: Serving) -> str:
    if serving.add:
        return f"It brings no server, so {serving.add} is added to its packages."
    return f"It is served by {serving.server}, which it brings."
