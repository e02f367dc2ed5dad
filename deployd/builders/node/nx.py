"""Nx: which projects of a workspace are apps, how Nx is told to build one, and what it leaves to serve or to start."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployd.builders.node.frameworks import Framework
from deployd.builders.node.manifest import Manifest
from deployd.builders.node.outcome import Outcome
from deployd.builders.node.texts import loose_json, text, texts, within, without_comments
from deployd.builders.project import Project

_ENDINGS = ("js", "ts", "mjs", "mts", "cjs", "cts")
_TOOLS = ("webpack.config", "rspack.config", "vite.config")
_OUTPUT = re.compile(
    r"outDir\s*:\s*['\"]([\w./-]+)['\"]|path\s*:\s*(?:path\.)?(?:join|resolve)\(\s*__dirname\s*,\s*['\"]([\w./-]+)['\"]"
)
_FOR_NODE = re.compile(r"\btarget\s*:\s*['\"]node['\"]")
_STARTS_NODE = (":node", ":execute")
_FOR_BROWSERS = re.compile(r"angular|vite:build$|(webpack:webpack|rspack:rspack)$")
_WITH_BROWSER_FOLDER = re.compile(r"^@(angular/build|angular-devkit/build-angular|nx/angular):application$")
_MOST_PROJECTS = 400


@dataclass(frozen=True)
class NxApp:
    """`name` is what Nx calls it; `outcome` is seen from the top of the workspace, where Nx is run."""

    name: str
    folder: str
    outcome: Outcome


@dataclass(frozen=True)
class _NxProject:
    top: Project
    name: str
    folder: str
    build: object
    serve: object

    def option(self, *keys: str) -> object:
        return within(self.build, "options", *keys)

    @property
    def executor(self) -> str:
        return text(within(self.build, "executor"))

    def config(self) -> str:
        """What the tool that builds it is told, where that is a file beside it."""
        names = (posixpath.normpath(f"{self.folder}/{stem}.{ending}") for stem in _TOOLS for ending in _ENDINGS)
        found = self.top.first(*names)
        return without_comments(self.top.text(found)) if found else ""


def is_nx(top: Project, manifest: Manifest) -> bool:
    return top.has("nx.json") and "nx" in manifest.packages


def find_apps(top: Project) -> tuple[NxApp, ...]:
    """The projects of which it is clear what serves them; libraries and tests are none of these."""
    found = []
    for project in _projects(top):
        outcome = _next(project) or _server(project) or _site(project)
        if outcome is not None:
            found.append(NxApp(project.name, project.folder, outcome))
    return tuple(found)


def named(apps: tuple[NxApp, ...], wish: str) -> NxApp | None:
    """By name, by folder, or by the last part of either."""
    wish = wish.strip("/").removeprefix("./")
    exact = [app for app in apps if wish in (app.name, app.folder)]
    found = exact or [app for app in apps if wish in (posixpath.basename(app.name), posixpath.basename(app.folder))]
    return found[0] if len(found) == 1 else None


def _projects(top: Project) -> Iterator[_NxProject]:
    """A project is a folder with project.json, or with a package.json; what the first says counts before the other."""
    files = [name for name in top.files if posixpath.basename(name) in ("project.json", "package.json")]
    folders = sorted({posixpath.dirname(name) for name in files if "node_modules/" not in name} - {""})
    for folder in folders[:_MOST_PROJECTS]:
        own = loose_json(top.text(f"{folder}/project.json"))
        package = loose_json(top.text(f"{folder}/package.json"))
        if text(own.get("projectType") or within(package, "nx", "projectType")) == "library":
            continue
        name = text(own.get("name")) or text(within(package, "nx", "name")) or text(package.get("name"))
        targets = {**_targets(within(package, "nx", "targets")), **_targets(own.get("targets"))}
        yield _NxProject(top, name or posixpath.basename(folder), folder, targets.get("build"), targets.get("serve"))


def _targets(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _next(project: _NxProject) -> Outcome | None:
    """Nx' own executor puts it where the target says; Next.js itself builds where its configuration lies."""
    if not project.top.has(*(f"{project.folder}/next.config.{ending}" for ending in _ENDINGS)):
        return None
    folder = _output(project) if project.executor.endswith("next:build") else project.folder
    if not _is_inside(folder):
        return None
    return _outcome(project, "Next.js", start=f"next start {folder} -p $PORT", loads=("@nx/next",))


def _server(project: _NxProject) -> Outcome | None:
    node = (
        text(within(project.serve, "executor")).endswith(_STARTS_NODE)
        or "node" in (project.option("platform"), project.option("target"))
        or _FOR_NODE.search(project.config()) is not None
    )
    if not node:
        return None
    entry = posixpath.normpath(f"{_output(project)}/{_entry(project)}")
    return _outcome(project, "a server", start=f"node {entry}") if _is_inside(entry) else None


def _entry(project: _NxProject) -> str:
    """The file that each executor makes of `main`."""
    main = text(project.option("main"))
    if said := text(project.option("outputFileName")):
        return said
    if project.executor.endswith((":tsc", ":swc")):
        inside = posixpath.relpath(f"/{main}", f"/{text(project.option('rootDir')) or project.folder}")
        return re.sub(r"\.[cm]?ts$", ".js", inside)
    ending = ".js"
    if project.executor.endswith(":esbuild"):
        formats = texts(project.option("format")) or ("esm",)
        usual = ".cjs" if formats[0] == "cjs" else ".js"
        ending = text(project.option("esbuildOptions", "outExtension", ".js")) or _production_ending(project) or usual
    return f"{posixpath.splitext(posixpath.basename(main))[0] or 'main'}{ending}"


def _production_ending(project: _NxProject) -> str:
    options = within(project.build, "configurations", "production", "esbuildOptions", "outExtension", ".js")
    return text(options)


def _site(project: _NxProject) -> Outcome | None:
    pages = (f"{project.folder}/index.html", f"{project.folder}/src/index.html")
    builds = project.config() != "" or _FOR_BROWSERS.search(project.executor) is not None
    if not (builds and project.top.has(*pages)):
        return None
    output = _output(project)
    if _WITH_BROWSER_FOLDER.match(project.executor):
        output += "/browser"
    return _outcome(project, "a site", output=output) if _is_inside(output) else None


def _output(project: _NxProject) -> str:
    """As seen from the top: what the target says, or its tool's configuration, or where Nx puts it by itself."""
    said = text(project.option("outputPath")) or text(project.option("outputPath", "base"))
    if said:
        said = said.replace("{workspaceRoot}/", "").replace("{projectRoot}", project.folder)
        return posixpath.normpath(said.replace("{projectName}", project.name))
    if found := _OUTPUT.search(project.config()):
        return posixpath.normpath(posixpath.join(project.folder, found[1] or found[2]))
    return f"dist/{project.folder}"


def _is_inside(path: str) -> bool:
    return re.fullmatch(r"[\w@./-]+", path) is not None and not path.startswith(("/", "..")) and path != "."


def _outcome(
    project: _NxProject, kind: str, *, output: str | None = None, start: str = "", loads: tuple[str, ...] = ()
) -> Outcome:
    production = within(project.build, "configurations", "production") is not None
    framework = Framework(
        title=f"Nx ({kind})",
        packages=("nx",),
        build=f"nx run {project.name}:build{':production' if production else ''}",
        build_env={"NX_DAEMON": "false"},
        loads=loads,
    )
    pages = "it is taken to route on the client, so index.html answers for unknown paths"
    return Outcome(framework=framework, script=None, output=output, spa=output is not None, pages=pages, start=start)
