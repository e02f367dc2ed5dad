"""Picks the package that is deployed: the whole repository, or one of the packages of a workspace."""

from dataclasses import dataclass

from deployd.builders.node import nx
from deployd.builders.node.manifest import read_manifest
from deployd.builders.node.outcome import Outcome, find_outcome
from deployd.builders.node.start import start_script
from deployd.builders.node.workspaces import Package, Workspace, find_workspace
from deployd.builders.project import Declared, Project
from deployd.domain.errors import BuildFailed

_MOST_NAMED = 12


@dataclass(frozen=True)
class Place:
    """`package` is what is built and started, `top` is where packages are installed."""

    package: Package
    top: Package
    outcome: Outcome | None
    workspace: Workspace | None = None
    reasons: tuple[str, ...] = ()

    @property
    def inside(self) -> str:
        return self.workspace.inside(self.package) if self.workspace else "."


def choose_package(project: Project, declared: Declared) -> Place:
    """BuildFailed naming the packages when it is not clear which one is meant."""
    workspace = find_workspace(project)
    wish = declared.settings.workspace
    if workspace is None:
        package = Package(project, read_manifest(project))
        if place := _by_nx(package, None, declared, wish):
            return place
        if wish:
            raise BuildFailed(f"`build.workspace` is {wish!r}, but package.json lists no workspaces.")
        return Place(package, package, find_outcome(package))
    if wish:
        reason = f"The setting build.workspace names the package {wish}."
        return _member(workspace, workspace.find(wish), declared, wish, reason)
    if project.root != workspace.top.folder:
        package = next(member for member in workspace.members if member.folder == project.root)
        reason = f"{package.folder} is a package of the workspace above it."
        return _member(workspace, package, declared, workspace.inside(package), reason)
    return _from_top(workspace, declared)


def _member(workspace: Workspace, package: Package | None, declared: Declared, wish: str, reason: str) -> Place:
    able = package is not None and (_told(declared) or serves(package, find_outcome(package)))
    if not able and (place := _by_nx(workspace.top, workspace, declared, wish)):
        return place
    return _place(workspace, package or _unknown(workspace, wish), reason)


def _from_top(workspace: Workspace, declared: Declared) -> Place:
    top = workspace.top
    if _told(declared) or serves(top, find_outcome(top)):
        return _place(workspace, top, "The workspace's own top is what runs.")
    able = [member for member in workspace.members if serves(member, find_outcome(member, workspace.inside(member)))]
    if len(able) == 1:
        return _place(workspace, able[0], f"{able[0].name} is the only package here that can be served.")
    if not able and (place := _by_nx(top, workspace, declared, "")):
        return place
    if not able and top.manifest.main:
        return _place(workspace, top, "No package of the workspace can be served, so its top is what runs.")
    raise BuildFailed(_unclear(able or workspace.members, "can be served" if able else "are there, none with a start"))


def _told(declared: Declared) -> bool:
    settings = declared.settings
    return bool("web" in declared.processes or settings.start or settings.output is not None)


def _by_nx(top: Package, workspace: Workspace | None, declared: Declared, wish: str) -> Place | None:
    """The app of an Nx workspace that no package.json speaks for: it is built, and runs, at the top."""
    if not nx.is_nx(top.project, top.manifest) or _told(declared):
        return None
    if not wish and start_script(top, None):
        return None
    apps = nx.find_apps(top.project)
    app = nx.named(apps, wish) if wish else apps[0] if len(apps) == 1 else None
    if app is not None:
        word = "The setting build.workspace names" if wish else "The only app of this Nx workspace is"
        return Place(top, top, app.outcome, workspace, (f"{word} {app.name} ({app.folder}).",))
    if not apps or (wish and workspace is not None):
        return None
    shown = ", ".join(f"{app.name} ({app.folder})" for app in apps[:_MOST_NAMED])
    if wish:
        raise BuildFailed(f"`build.workspace` is {wish!r}, which is not exactly one of the apps of Nx here: {shown}.")
    raise BuildFailed(f"Nx has several apps here: {shown}. Say which with `build.workspace` (its name or folder).")


def serves(package: Package, outcome: Outcome | None) -> bool:
    """Whether it has a server or a site by its own word; an entry file alone makes any library look like a server."""
    if start_script(package, outcome):
        return True
    return outcome is not None and not outcome.framework.refuse


def _place(workspace: Workspace, package: Package, reason: str) -> Place:
    outcome = find_outcome(package, workspace.inside(package))
    return Place(package, workspace.top, outcome, workspace, (reason,))


def _unknown(workspace: Workspace, wish: str) -> Package:
    names = ", ".join(member.name for member in workspace.members[:_MOST_NAMED])
    raise BuildFailed(f"`build.workspace` is {wish!r}, which is not exactly one of the packages here: {names}.")


def _unclear(packages: list[Package] | tuple[Package, ...], what: str) -> str:
    shown = [f"{package.name} ({package.folder})" for package in packages[:_MOST_NAMED]]
    more = f" and {len(packages) - _MOST_NAMED} more" if len(packages) > _MOST_NAMED else ""
    return f"Several packages {what}: {', '.join(shown)}{more}. Say which with `build.workspace` (its name or folder)."
