"""Node projects: npm installs and builds; then either a process serves, or the proxy serves what was built."""

import re

import msgspec

from deployd.builders.node.static_site import find_site
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_PLAIN_START = re.compile(r"node(\s+[\w./=:-]+)+")
_DEV_SERVER = re.compile(r"(react-scripts|vue-cli-service|webpack|parcel|astro)\s+(start|serve|dev)\b|(vite|ng)\b")
_OTHER_LOCKS = ("yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
_QUIET = "--no-audit --no-fund --loglevel=warn"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The part of package.json that matters here."""

    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    dev: dict[str, str] = msgspec.field(name="devDependencies", default_factory=dict)
    optional: dict[str, str] = msgspec.field(name="optionalDependencies", default_factory=dict)
    workspaces: msgspec.Raw | None = None
    main: str | None = None

    @property
    def packages(self) -> dict[str, str]:
        return {**self.optional, **self.dev, **self.dependencies}


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("package.json"):
        return None
    manifest = _manifest(project)
    install, how = _install(project, manifest)
    build = ("npm run build",) if "build" in manifest.scripts else ()
    site = None if declared.processes or _start_script(manifest) else find_site(project, manifest.packages)
    if site is not None and build:
        return BuildPlan(
            builder="node",
            why=f"Node: {how}, `npm run build`, then {site.why}",
            steps=(*install, *build),
            static_root=site.root,
            spa=site.spa,
            env={"NODE_ENV": "production"},
        )
    processes = dict(declared.processes)
    if "web" not in processes:
        processes["web"] = _web(project, manifest)
    prune = (f"npm prune --omit=dev {_QUIET}",) if manifest.dev else ()
    return BuildPlan(
        builder="node",
        why=f"Node: {how}{', `npm run build`' if build else ''}, then `{processes['web']}`.",
        steps=(*install, *build, *prune),
        processes=processes,
        env={"NODE_ENV": "production"},
    )


def _manifest(project: Project) -> Manifest:
    try:
        return msgspec.json.decode(project.read("package.json").lstrip("\ufeff"), type=Manifest)
    except msgspec.DecodeError as error:
        raise BuildFailed(f"package.json cannot be read: {error}.") from error


def _install(project: Project, manifest: Manifest) -> tuple[tuple[str, ...], str]:
    """The step and how it is told. NODE_ENV is production throughout, so the build has to ask for its own tools."""
    if project.has("package-lock.json", "npm-shrinkwrap.json"):
        return (f"npm ci --include=dev --prefer-offline {_QUIET}",), "`npm ci` as the lockfile says"
    if not manifest.packages and manifest.workspaces is None:
        return (), "no packages"
    other = project.first(*_OTHER_LOCKS)
    ignored = f"; {other} is not used yet" if other else ""
    return (
        (f"npm install --include=dev --no-package-lock {_QUIET}",),
        f"`npm install` without an npm lockfile{ignored}",
    )


def _start_script(manifest: Manifest) -> str | None:
    """The start script, unless it is a development server: that is not for the public."""
    script = manifest.scripts.get("start", "").strip()
    return None if not script or _DEV_SERVER.match(script) else script


def _web(project: Project, manifest: Manifest) -> str:
    """`node FILE` itself where the start script is no more than that: npm between would get the signals instead."""
    script = _start_script(manifest)
    if script is not None:
        wrapped = manifest.scripts.keys() & {"prestart", "poststart"}
        return script if _PLAIN_START.fullmatch(script) and not wrapped else "npm start"
    main = manifest.main.removeprefix("./") if manifest.main else None
    entry = project.first(*([main, f"{main}.js"] if main else []), "server.js", "index.js", "app.js")
    if entry is None or not re.fullmatch(r"[\w./@+-]+", entry):
        raise BuildFailed(
            "package.json has no `start` script and no known static output: add a `start` script or a Procfile."
        )
    return f"node {entry}"


RECIPE = Recipe(
    name="node",
    title="Node",
    detect=detect,
    rows=(Recognised(what="package.json", how="npm installs and builds; `start` or `main` serves, or the proxy."),),
)
