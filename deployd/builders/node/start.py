"""Decides what serves a package: a command of its owner's, a site in a folder, its start script or its entry file."""

import re

import msgspec

from deployd.builders.node import scripts
from deployd.builders.node.entry import find_entry, run_entry
from deployd.builders.node.managers import Manager
from deployd.builders.node.outcome import Outcome
from deployd.builders.node.workspaces import Package
from deployd.builders.project import Declared
from deployd.domain.errors import BuildFailed

_PRODUCTION = ("start:prod", "start:production", "serve:prod", "production", "prod", "serve")
_PAGES = (".", "public")
_OTHER_KINDS = (
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "setup.py",
    "composer.json",
    "Gemfile",
    "go.mod",
    "Cargo.toml",
    "mix.exs",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
)
"""Where one of these is, package.json is likely there for the assets of what serves."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Either `command` starts a server, or `output`, relative to the package, is served; `node` is what it needs."""

    command: str = ""
    output: str | None = None
    spa: bool = False
    node: str | None = None
    reason: str = ""


def find_service(
    package: Package, declared: Declared, outcome: Outcome | None, manager: Manager, builds: bool, wanted_node: str
) -> Service:
    """BuildFailed with what to add when nothing serves."""
    settings = declared.settings
    if "web" in declared.processes:
        return Service(command=declared.processes["web"], reason="The web process is the one that was declared.")
    if settings.start:
        return Service(command=settings.start, reason="The setting build.start says what starts it.")
    if settings.output is not None:
        spa = bool(outcome and outcome.spa)
        return Service(output=settings.output, spa=spa, reason=f"The setting build.output names {settings.output}/.")
    if script := start_script(package, outcome):
        return _scripted(package, manager, script)
    if outcome is not None:
        return _made(outcome, manager)
    return _found(package, manager, builds, wanted_node)


def start_script(package: Package, outcome: Outcome | None) -> str | None:
    """The name of the script that starts a server for the public, if there is one."""
    named = package.manifest.scripts
    start = named.get("start", "")
    if outcome is not None and outcome.framework.supersedes and _calls(start, outcome.framework.supersedes):
        start = ""
    usable = start and not scripts.is_for_development(start) and not scripts.starts_everything(start)
    if usable and outcome is not None and outcome.output is not None and scripts.serves_files(start):
        usable = False
    if usable and scripts.without_watcher(start) == start:
        return "start"
    if outcome is None or not outcome.output:
        for name in _PRODUCTION:
            script = named.get(name, "")
            if script and not scripts.is_for_development(script) and scripts.without_watcher(script) == script:
                if name == "serve" and outcome is not None:
                    continue
                return name
    return "start" if usable else None


def _calls(script: str, pattern: str) -> bool:
    return re.search(rf"(^|[\s/]){pattern}", script) is not None


def _scripted(package: Package, manager: Manager, name: str) -> Service:
    """One command is run as it is: a package manager in between would get the signals instead, and memory."""
    script = package.manifest.scripts[name]
    wrapped = {f"pre{name}", f"post{name}"} & package.manifest.scripts.keys()
    plain = scripts.on_given_port(scripts.without_watcher(script))
    if wrapped or not scripts.is_one_command(script) or not manager.direct:
        return Service(command=manager.script(name), reason=f"The `{name}` script starts it.")
    changed = "" if plain == script else f" (as `{plain}`)"
    return Service(command=plain, reason=f"The `{name}` script starts it{changed}.")


def _made(outcome: Outcome, manager: Manager) -> Service:
    framework = outcome.framework
    if framework.refuse:
        raise BuildFailed(framework.refuse)
    if outcome.output is None:
        command = manager.server(outcome.start)
        return Service(command=command, reason=f"{framework.title} starts `{command}`.")
    return Service(
        output=outcome.output,
        spa=outcome.spa,
        reason=f"{framework.title} leaves a site in {outcome.output}/ ({outcome.pages}).",
    )


def _found(package: Package, manager: Manager, builds: bool, wanted_node: str) -> Service:
    entry = find_entry(package, builds)
    if entry is not None:
        command, reason, node = run_entry(entry, package, manager, wanted_node)
        return Service(command=manager.server(command), node=node, reason=f"There is no `start` script; {reason}")
    for folder in () if package.project.has(*_OTHER_KINDS) else _PAGES:
        if package.project.has("index.html" if folder == "." else f"{folder}/index.html"):
            return Service(output=folder, reason=f"Nothing starts a server, and {folder}/ holds an index.html.")
    place = package.project.path("package.json")
    raise BuildFailed(
        f"{place} has no `start` script and no known static output: add a `start` script or a Procfile, or name the "
        "folder that the build fills with `build.output`."
    )
