"""Finds the file that starts a project which has no script for that, and the program that runs it."""

import re

from deployd.builders.node.managers import BUN, CONVERTED, Manager
from deployd.builders.node.manifest import Manifest
from deployd.builders.node.texts import loose_json, text, within
from deployd.builders.node.versions import strips_types
from deployd.builders.node.workspaces import Package
from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

_ENDINGS = ("js", "mjs", "cjs", "ts", "mts", "cts", "tsx", "jsx")
_NAMES = ("server", "index", "app", "main")
_FOLDERS = ("", "src/", "server/", "dist/", "build/")
_PLAIN = re.compile(r"[\w./@+-]+")
_TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")


def find_entry(package: Package, builds: bool) -> str | None:
    """`main` when it is there or the build may make it; else a file of the usual name, or what tsc makes of it."""
    project, manifest = package.project, package.manifest
    main = manifest.main.removeprefix("./")
    entry = _main(project, main) if main and _PLAIN.fullmatch(main) and ".." not in main.split("/") else None
    if entry is not None:
        return entry
    built = builds and bool(main) and re.match(r"(dist|build|lib|out|\.output)/", main)
    if built:
        return main
    usual = (f"{folder}{name}.{ending}" for folder in _FOLDERS for name in _NAMES for ending in _ENDINGS)
    entry = project.first(*usual)
    return _compiled(project, manifest, entry) if entry and builds else entry


def run_entry(entry: str, package: Package, manager: Manager, wanted_node: str) -> tuple[str, str, str | None]:
    """The command, a sentence about it, and the version of node it needs, None when any will do.

    BuildFailed when it is TypeScript and nothing here runs that.
    """
    packages = package.manifest.packages
    if manager in (BUN, CONVERTED):
        return f"bun {entry}", f"Bun runs {entry}.", None
    if entry.endswith(".jsx") or not entry.endswith(_TYPESCRIPT):
        return f"node {entry}", f"node runs {entry}.", None
    for runner in ("tsx", "ts-node", "bun"):
        if runner in packages:
            return f"{runner} {entry}", f"{runner}, one of the project's packages, runs {entry}.", None
    version = strips_types(wanted_node)
    if version is None or entry.endswith(".tsx"):
        raise BuildFailed(
            f"{package.project.path(entry)} is TypeScript, and node {wanted_node or 'alone'} cannot run it: add tsx to "
            "the dependencies and a `start` script, or ask for node 22.18 or newer in `engines`."
        )
    return f"node {entry}", f"node runs {entry} as it is, for which it has to be 22.18 or newer.", version


def _main(project: Project, main: str) -> str | None:
    return project.first(main, *(f"{main}.{ending}" for ending in _ENDINGS), f"{main.rstrip('/')}/index.js")


def _compiled(project: Project, manifest: Manifest, entry: str) -> str:
    """Where tsc puts the entry, when the build is no more than tsc."""
    script = manifest.scripts.get("build", "")
    if not entry.endswith((".ts", ".mts", ".cts")) or not re.search(r"(^|\s)tsc(\s|$)", script):
        return entry
    options = within(loose_json(project.text("tsconfig.json")), "compilerOptions")
    output = text(within(options, "outDir")).removeprefix("./").rstrip("/")
    root = text(within(options, "rootDir")).removeprefix("./").rstrip("/")
    if not output or ".." in output:
        return re.sub(r"ts$", "js", entry) if text(within(options, "noEmit")) == "" else entry
    first = entry.partition("/")[0] if "/" in entry else ""
    inside = entry.removeprefix(f"{root or first}/") if (root or first) not in ("", ".") else entry
    return f"{output}/{re.sub(r'ts$', 'js', inside)}"
