"""Picks the package that is deployed: the whole repository, or one of the packages of a workspace."""

from dataclasses import dataclass

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
        if wish:
            raise BuildFailed(f"`build.workspace` is {wish!r}, but package.json lists no workspaces.")
        package = Package(project, read_manifest(project))
        return Place(package, package, find_outcome(package))
    if wish:
        package = workspace.find(wish) or _unknown(workspace, wish)
        return _place(workspace, package, f"The setting build.workspace names the package {package.name}.")
    if project.root != workspace.top.folder:
        package = next(member for member in workspace.members if member.folder == project.root)
        return _place(workspace, package, f"{package.folder} is a package of the workspace above it.")
    return _from_top(workspace, declared)


def _from_top(workspace: Workspace, declared: Declared) -> Place:
    top, settings = workspace.top, declared.settings
    told = "web" in declared.processes or settings.start or settings.output is not None
    if told or serves(top, find_outcome(top)):
        return _place(workspace, top, "The workspace's own top is what runs.")
    able = [member for member in workspace.members if serves(member, find_outcome(member, workspace.inside(member)))]
    if len(able) == 1:
        return _place(workspace, able[0], f"{able[0].name} is the only package here that can be served.")
    if not able and top.manifest.main:
        return _place(workspace, top, "No package of the workspace can be served, so its top is what runs.")
    raise BuildFailed(_unclear(able or workspace.members, "can be served" if able else "are there, none with a start"))


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
