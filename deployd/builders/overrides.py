"""What was said before detection looks, strongest first: deployd.toml, `.deployd.toml`, app.json, the Procfile."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from deployd.builders.app_json import AppJson, read_app_json, refuse_missing
from deployd.builders.procfile import parse_procfile
from deployd.builders.project import Declared, Project
from deployd.builders.repo_file import NAME as REPO_FILE
from deployd.builders.repo_file import read_repo_file
from deployd.domain.build import BuildSettings, BuildWishes
from deployd.domain.errors import BuildFailed

ORDER = (
    ("`[apps.NAME.build]` and `commands` in deployd.toml", "What the owner of the app says wins over all else."),
    ("`.deployd.toml` in the repository", "`[build]` has the same keys; `[processes]` maps names to commands."),
    ("`app.json`", "The defaults of its variables, and which of them must be set before anything is built."),
    ("`Procfile`", "One `name: command` a line: the processes."),
    ("detection", "The files of the project, by the tables below."),
)
"""For docs/builders.md; `declare` is what makes it true."""

_NONE = BuildSettings()
_MOST_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class _Layer:
    name: str
    settings: BuildSettings = _NONE
    processes: Mapping[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> dict[str, str]:
        """`start` is another way to say what `web` runs; the process named so is the more exact word."""
        start = self.settings.start
        return {"web": start, **self.processes} if start else dict(self.processes)


def declare(project: Project, wishes: BuildWishes) -> tuple[Project, Declared]:
    """The folder of the project that is to be looked at, and what is known before that.

    BuildFailed for files that cannot be read, a root that is not there, and variables that must be set and are not.
    """
    owner = _Layer(name="deployd.toml", settings=wishes.settings, processes=wishes.commands)
    view = _view(project, wishes)
    layers = [owner, *_repository_layers(project, view), _Layer(name="Procfile", processes=_procfile(view))]
    app_json = read_app_json(view)
    refuse_missing(app_json, wishes.env_names)
    settings, commands, reasons = _merge(layers)
    return view, Declared(
        processes=commands,
        settings=msgspec.structs.replace(settings, root=view.root),
        env=app_json.defaults(),
        reasons=(*reasons, *_told_of_files(project, view, app_json)),
    )


def required_variables(project: Project, wishes: BuildWishes) -> tuple[str, ...]:
    """The names that app.json requires and that are neither set nor given a default."""
    return tuple(read_app_json(_view(project, wishes)).missing(wishes.env_names))


def _view(project: Project, wishes: BuildWishes) -> Project:
    root = posixpath.normpath(str(_said("root", (wishes.settings, read_repo_file(project).build))))
    if root == ".":
        return project
    view = project.at(root)
    if not view.files:
        folders = sorted({name.split("/", 1)[0] for name in project.files if "/" in name})
        here = ", ".join(folders[:_MOST_SHOWN]) or "none"
        raise BuildFailed(f"`build.root` is {root!r}, and the repository has no such folder; folders here: {here}.")
    return view


def _repository_layers(project: Project, view: Project) -> list[_Layer]:
    """The file in the folder that is built speaks before the one at the top."""
    layers = []
    for place in (view,) if view.root == "." else (view, project):
        said = read_repo_file(place)
        if place.root != "." and said.build.root != _NONE.root:
            raise BuildFailed(f"{place.path(REPO_FILE)}: `build.root` can only be said at the top of the repository.")
        if place.has(REPO_FILE):
            layers.append(_Layer(name=place.path(REPO_FILE), settings=said.build, processes=said.processes))
    return layers


def _procfile(view: Project) -> dict[str, str]:
    return parse_procfile(view.text("Procfile"))


def _merge(layers: Sequence[_Layer]) -> tuple[BuildSettings, dict[str, str], list[str]]:
    layers, reasons = _serving_once(layers)
    settings = [layer.settings for layer in layers]
    said = {name: _said(name, settings) for name in BuildSettings.__struct_fields__ if name != "tools"}
    tools = {name: version for each in reversed(settings) for name, version in each.tools.items()}
    commands: dict[str, str] = {}
    for layer in layers:
        new = [name for name in layer.commands if name not in commands]
        beaten = [name for name, command in layer.commands.items() if commands.get(name, command) != command]
        commands = {**layer.commands, **commands}
        reasons += [f"{layer.name} says what {_listed(new)} runs."] if new else []
        reasons += [f"{layer.name} has another command for {_listed(beaten)}, which is not used."] if beaten else []
    # One word for what web runs: a weaker `start` must not win over a stronger command through another door.
    start = commands.get("web") if said["start"] is not None else None
    for layer in layers:
        if keys := [f"build.{key}" for key in _keys(layer.settings)]:
            reasons.append(f"{layer.name} says {_listed(keys)}.")
    return msgspec.convert({**said, "tools": tools, "start": start}, BuildSettings), commands, reasons


def _serving_once(layers: Sequence[_Layer]) -> tuple[list[_Layer], list[str]]:
    """A folder to serve and a command that serves exclude each other: the stronger word stays, the weaker is told."""
    kept, reasons, decided = [], [], ""
    for layer in layers:
        folder, command = layer.settings.output is not None, "web" in layer.commands
        if folder and command:
            raise BuildFailed(
                f"{layer.name} says both `build.output` (a folder to serve) and what `web` runs; say one of them."
            )
        if decided == "folder" and command:
            reasons.append(f"{layer.name} says what `web` runs, but a folder is served.")
            layer = _without_web(layer)
        elif decided == "command" and folder:
            reasons.append(f"{layer.name} says `build.output`, but a command serves.")
            layer = _Layer(
                name=layer.name,
                settings=msgspec.structs.replace(layer.settings, output=None),
                processes=layer.processes,
            )
        decided = decided or ("folder" if folder else "command" if command else "")
        kept.append(layer)
    return kept, reasons


def _without_web(layer: _Layer) -> _Layer:
    return _Layer(
        name=layer.name,
        settings=msgspec.structs.replace(layer.settings, start=None),
        processes={name: command for name, command in layer.processes.items() if name != "web"},
    )


def _said(name: str, settings: Sequence[BuildSettings]) -> object:
    """The first that differs from what stands there when nothing is said."""
    nothing = getattr(_NONE, name)
    return next((value for each in settings if (value := getattr(each, name)) != nothing), nothing)


def _keys(settings: BuildSettings) -> list[str]:
    return [
        name
        for name in BuildSettings.__struct_fields__
        if name != "start" and getattr(settings, name) != getattr(_NONE, name)
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _told_of_files(project: Project, view: Project, app_json: AppJson) -> list[str]:
    reasons = list(app_json.ignored())
    if app_json.defaults():
        reasons.append(f"app.json gives defaults for {', '.join(app_json.defaults())}.")
    if view.root != ".":
        for name in ("Procfile", "app.json"):
            if project.has(name) and not view.has(name):
                reasons.append(f"The {name} at the top is not read: {view.root}/ is what is built.")
    return reasons
