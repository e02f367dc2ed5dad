"""A repository of several packages that are installed together: which they are, and which of them need each other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from deployd.builders.node.manifest import Manifest, read_manifest
from deployd.builders.node.texts import texts, within
from deployd.builders.project import Project

_GLOB = re.compile(r"\*\*/?|\*|\?|[^*?]+")
_MOST_PACKAGES = 400


@dataclass(frozen=True)
class Package:
    """A folder with a package.json."""

    project: Project
    manifest: Manifest

    @property
    def folder(self) -> str:
        return self.project.root

    @property
    def name(self) -> str:
        return self.manifest.name or self.folder


@dataclass(frozen=True)
class Workspace:
    """`top` is where packages are installed, `members` are the packages of it, by folder."""

    top: Package
    members: tuple[Package, ...]

    def find(self, wish: str) -> Package | None:
        """By name, by folder, or by the last part of either."""
        wish = wish.strip("/").removeprefix("./")
        for keys in (_exact, _last):
            found = [member for member in self.members if wish in keys(self, member)]
            if len(found) == 1:
                return found[0]
        return None

    def inside(self, package: Package) -> str:
        """The package's folder as seen from the top."""
        top = self.top.folder
        return package.folder if top == "." else package.folder.removeprefix(top).lstrip("/") or "."

    def needs(self, package: Package) -> tuple[Package, ...]:
        """The members that the package depends on, in the order in which they are to be built."""
        by_name = {member.manifest.name: member for member in self.members if member.manifest.name}
        order: dict[str, Package] = {}
        seen = {package.name}

        def visit(current: Package) -> None:
            for name in (*current.manifest.packages, *current.manifest.peer):
                if name in by_name and name not in seen:
                    seen.add(name)
                    visit(by_name[name])
                    order[name] = by_name[name]

        visit(package)
        return tuple(order.values())


def find_workspace(project: Project) -> Workspace | None:
    """The nearest folder from the project's own upwards whose list of packages holds the project."""
    for folder in _upwards(project.root):
        top = project if folder == project.root else project.at(folder)
        if not top.has("package.json", "pnpm-workspace.yaml"):
            continue
        manifest = read_manifest(top) if top.has("package.json") else Manifest()
        patterns = _patterns(top, manifest)
        members = tuple(_members(top, patterns)) if patterns else ()
        if members and (folder == project.root or any(member.folder == project.root for member in members)):
            return Workspace(Package(top, manifest), members)
    return None


def _upwards(folder: str) -> Iterator[str]:
    while folder != ".":
        yield folder
        folder = folder.rpartition("/")[0] or "."
    yield "."


def _patterns(top: Project, manifest: Manifest) -> tuple[str, ...]:
    """pnpm reads its own file only."""
    if top.has("pnpm-workspace.yaml"):
        try:
            return texts(within(msgspec.yaml.decode(top.text("pnpm-workspace.yaml")), "packages"))
        except msgspec.DecodeError:
            return ()
    return manifest.workspaces or ()


def _members(top: Project, patterns: tuple[str, ...]) -> Iterator[Package]:
    wanted = [_pattern(pattern) for pattern in patterns if not pattern.startswith("!")]
    unwanted = [_pattern(pattern[1:]) for pattern in patterns if pattern.startswith("!")]
    folders = sorted(name.removesuffix("/package.json") for name in top.files if name.endswith("/package.json"))
    chosen = [
        folder
        for folder in folders
        if any(one.fullmatch(folder) for one in wanted) and not any(one.fullmatch(folder) for one in unwanted)
    ]
    for folder, files in _files_in(top, chosen[:_MOST_PACKAGES]).items():
        project = Project(
            files=frozenset(files),
            read=lambda name, folder=folder: top.read(f"{folder}/{name}"),  # type: ignore[misc]
            root=top.path(folder),
            top=top.top or top,
        )
        yield Package(project, read_manifest(project))


def _files_in(top: Project, folders: list[str]) -> dict[str, list[str]]:
    """One pass over the files for all folders: there may be hundreds of these, and many thousands of those."""
    found: dict[str, list[str]] = {folder: [] for folder in folders}
    for name in top.files:
        end = name.rfind("/")
        while end != -1:
            inside = found.get(name[:end])
            if inside is not None:
                inside.append(name[end + 1 :])
            end = name.rfind("/", 0, end)
    return found


def _pattern(glob: str) -> re.Pattern[str]:
    glob = glob.removeprefix("./").rstrip("/")
    for braces in re.finditer(r"\{([^{}]*)\}", glob):
        options = [_translate(option) for option in braces[1].split(",")]
        before, after = _translate(glob[: braces.start()]), _translate(glob[braces.end() :])
        return re.compile(f"{before}(?:{'|'.join(options)}){after}")
    return re.compile(_translate(glob))


def _translate(glob: str) -> str:
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(parts.get(part, re.escape(part)) for part in _GLOB.findall(glob))


def _exact(workspace: Workspace, member: Package) -> tuple[str, ...]:
    return member.manifest.name, member.folder, workspace.inside(member)


def _last(workspace: Workspace, member: Package) -> tuple[str, ...]:
    return tuple(key.rpartition("/")[2] for key in _exact(workspace, member))
