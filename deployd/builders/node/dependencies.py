"""Plans the packages: how they are installed, when they can be taken over, and what is left out of the artifact."""

import re
import shlex
from collections.abc import Iterator

from deployd.builders.node import scripts
from deployd.builders.node.choose import Place
from deployd.builders.node.managers import BERRY
from deployd.builders.node.package_manager import Chosen
from deployd.builders.node.start import Service
from deployd.builders.node.workspaces import Package
from deployd.builders.project import Declared
from deployd.domain.build import Dependencies

_READ = (".npmrc", "package.json")
_READ_FOLDERS = ("patches/", ".yarn/patches/", ".yarn/plugins/", ".yarn/releases/")
_COPIED = re.compile(r"^(file:|portal:|\.{1,2}/)(?!.*\.t(ar\.)?gz$)")
_CHECKS = re.compile(r"\bonly-allow\b")
_PRISMA = {"prisma", "@prisma/client"}


def plan_dependencies(
    place: Place, chosen: Chosen, declared: Declared, service: Service
) -> tuple[Dependencies | None, tuple[str, ...]]:
    """None when there is nothing to install."""
    command = declared.settings.install
    if command == "":
        return None, ("The setting build.install leaves the installation out.",)
    lifecycle = tuple(_lifecycle(place, chosen))
    if command is None and not lifecycle and not any(one.manifest.packages for one in _all(place)):
        return None, ("There are no packages to install.",)
    prune, reasons = _prune(place, chosen, declared, service, bool(lifecycle))
    install = command or (chosen.manager.locked if chosen.locked else chosen.manager.unlocked)
    reusable = chosen.locked and not chosen.pnp and not any(map(_copies, _all(place)))
    return Dependencies(
        steps=(install,),
        at=place.top.folder,
        folders=() if chosen.pnp else tuple(one.project.path("node_modules") for one in _all(place)),
        inputs=tuple(sorted(set(_inputs(place, chosen)))),
        reusable=reusable,
        on_reuse=lifecycle,
        prune=prune,
    ), reasons


def _all(place: Place) -> tuple[Package, ...]:
    return (place.top, *(place.workspace.members if place.workspace else ()))


def _lifecycle(place: Place, chosen: Chosen) -> Iterator[str]:
    """They read the source, which changes when the packages do not."""
    for one in _all(place):
        inside = place.workspace.inside(one) if place.workspace else "."
        for name in chosen.manager.lifecycle:
            script = one.manifest.scripts.get(name)
            if script and not _CHECKS.search(script):
                run = chosen.manager.script(name)
                yield run if inside == "." else f"cd {shlex.quote(inside)} && {run}"


def _inputs(place: Place, chosen: Chosen) -> Iterator[str]:
    """What decides about the packages; a schema of Prisma's does, because its client is made while it is installed."""
    top = place.top.project
    for one in _all(place):
        yield from (one.project.path(name) for name in _READ if name in one.project.files)
    files = (*chosen.manager.files, *((chosen.lockfile,) if chosen.lockfile else ()))
    yield from (top.path(name) for name in files if name in top.files)
    for name in top.files:
        if name.startswith(_READ_FOLDERS) or name.endswith(".prisma"):
            yield top.path(name)


def _copies(package: Package) -> bool:
    """A folder of the repository that is installed as a copy changes without the lockfile."""
    return any(_COPIED.match(wanted) for wanted in package.manifest.packages.values())


def _prune(
    place: Place, chosen: Chosen, declared: Declared, service: Service, lifecycle: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if service.output is not None:
        everything = ("rm -rf node_modules",) if service.output == "." else ()
        return everything, ()
    dev = {name for one in _all(place) for name in one.manifest.dev}
    if not dev:
        return (), ()
    if why_not := _why_not(place, chosen, _needed(place, declared, service), dev, lifecycle):
        return (), (f"Development packages stay: {why_not}.",)
    manager = chosen.manager
    prune = manager.prune if chosen.locked else manager.prune_unlocked
    if not manager.wipes:
        return (prune,), ("Development packages are there for the build and taken out after it.",)
    inside = [place.workspace.inside(one) if place.workspace else "." for one in _all(place)]
    folders = " ".join(shlex.quote("node_modules" if name == "." else f"{name}/node_modules") for name in inside)
    return (f"rm -rf {folders}", prune), ("Development packages are taken out after the build.",)


def _needed(place: Place, declared: Declared, service: Service) -> set[str]:
    """Names in the commands that will run, and what the framework's own server loads."""
    named = place.package.manifest.scripts
    commands = {**declared.processes, "web": service.command}.values()
    loads = place.outcome.framework.loads if place.outcome else ()
    return {*loads, *(name for command in commands for name in scripts.programs(command, named))}


def _why_not(place: Place, chosen: Chosen, needed: set[str], dev: set[str], lifecycle: bool) -> str:
    production = {name for one in _all(place) for name in one.manifest.dependencies}
    if used := sorted((needed & dev) - production):
        return f"what runs needs {', '.join(used)}"
    config = place.package.project.first("next.config.ts", "next.config.mts")
    if "next" in needed and config:
        return f"`next start` reads {config} with the help of typescript"
    if chosen.pnp:
        return "Plug'n'Play keeps all packages in one place"
    if chosen.manager is BERRY and re.match(r"[\^~]?[23](\.|$)", chosen.version) and not _focuses(place):
        return "Yarn before 4 takes none out without its workspace-tools plugin"
    if chosen.manager.wipes and lifecycle:
        return "Bun takes none out without running the project's own install scripts again"
    if chosen.manager.wipes and production & _PRISMA:
        return "Bun would take out Prisma's client with them"
    return ""


def _focuses(place: Place) -> bool:
    return any("plugin-workspace-tools" in name for name in place.top.project.files)
