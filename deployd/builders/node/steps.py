"""Plans the build itself: the package's own, after those of the workspace's packages that it depends on."""

import os.path
import shlex
from collections.abc import Iterator

from deployd.builders.node.choose import Place
from deployd.builders.node.managers import Manager
from deployd.builders.node.outcome import build_script
from deployd.builders.node.workspaces import Package, Workspace
from deployd.builders.project import Declared


def plan_steps(place: Place, manager: Manager, declared: Declared) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Steps in the package's folder, and sentences about them."""
    command, outcome = declared.settings.build, place.outcome
    after = outcome.after if outcome else ()
    if command == "":
        return (), ("The setting build.build leaves the build out.",)
    if command is not None:
        return (command, *after), ("The setting build.build says how it is built.",)
    script = outcome.script if outcome else build_script(place.package.manifest)
    before, reasons = _before(place, manager, script)
    if before and before[-1] == "":
        return (*before[:-1], *after), reasons
    return (*before, *_own(place, manager, script), *after), reasons


def _own(place: Place, manager: Manager, script: str | None) -> Iterator[str]:
    framework = place.outcome.framework if place.outcome else None
    env = "".join(f"{name}={shlex.quote(value)} " for name, value in (framework.build_env if framework else {}).items())
    if script is not None:
        yield env + manager.script(script)
    elif framework is not None and framework.build:
        yield env + manager.program(framework.build)


def _before(place: Place, manager: Manager, script: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """An empty last step says that the package itself is built by what comes before it."""
    workspace, package = place.workspace, place.package
    if workspace is None or package.folder == workspace.top.folder:
        return (), ()
    if script is not None and (conducted := _conducted(workspace, package, manager, script)):
        return (conducted[0], ""), (conducted[1],)
    needed = [one for one in workspace.needs(package) if build_script(one.manifest)]
    if not needed:
        return (), ()
    steps = tuple(_build_in(one, package, manager) for one in needed)
    return steps, (f"It depends on {', '.join(one.name for one in needed)}, built before it.",)


def _conducted(workspace: Workspace, package: Package, manager: Manager, script: str) -> tuple[str, str] | None:
    """Turborepo and Nx know the order themselves, and what has not changed."""
    top = workspace.top
    up = shlex.quote(os.path.relpath(_absolute(top.folder), _absolute(package.folder)))
    if not package.manifest.name:
        return None
    name = shlex.quote(package.manifest.name)
    if "turbo" in top.manifest.packages and top.project.has("turbo.json", "turbo.jsonc"):
        command = manager.program(f"turbo run {script} --filter={name}")
        return f"cd {up} && {command}", "Turborepo builds it and what it depends on."
    if "nx" in top.manifest.packages and top.project.has("nx.json"):
        return f"cd {up} && NX_DAEMON=false {manager.program(f'nx run {name}:{script}')}", "Nx builds it."
    return None


def _build_in(one: Package, package: Package, manager: Manager) -> str:
    script = build_script(one.manifest) or "build"
    place = os.path.relpath(_absolute(one.folder), _absolute(package.folder))
    return f"cd {shlex.quote(place)} && {manager.script(script)}"


def _absolute(folder: str) -> str:
    """So that a relation between two folders can be told without asking where this process is."""
    return f"/{folder}"
