"""Front-end files that a server in another language serves: the `build` script of a package.json beside it."""

import msgspec

from deployd.builders.project import Declared, Project
from deployd.builders.told import tool
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed

_INSTALLS = (
    (("package-lock.json", "npm-shrinkwrap.json"), "npm", "npm ci --include=dev --no-audit --no-fund"),
    (("pnpm-lock.yaml",), "pnpm", "pnpm install --frozen-lockfile --prod=false"),
    (("yarn.lock",), "yarn", "yarn install"),
    (("bun.lock", "bun.lockb"), "bun", "bun install --frozen-lockfile"),
)
_OTHERWISE = ("npm", "npm install --include=dev --no-package-lock --no-audit --no-fund")


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """`steps` run before the server's own; what they install is deleted after them: the server does not need it."""

    tools: tuple[Tool, ...] = ()
    steps: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    scripts: dict[str, str] = {}


def find_assets(project: Project, declared: Declared) -> Assets:
    """Empty without a package.json that has a `build` script."""
    if not project.has("package.json"):
        return Assets()
    try:
        manifest = msgspec.json.decode(project.text("package.json").lstrip("\ufeff"), type=_Manifest)
    except msgspec.DecodeError as error:
        raise BuildFailed(f"{project.path('package.json')} cannot be read: {error}.") from error
    if "build" not in manifest.scripts:
        return Assets(reasons=("package.json has no `build` script, so it is left alone.",))
    manager, install = _manager(project)
    return Assets(
        tools=_tools(manager, declared),
        steps=(install, f"{manager} run build", "rm -rf node_modules"),
        reasons=(f"package.json is there for the front end: `{manager} run build` makes its files.",),
    )


def npm_install(project: Project, declared: Declared) -> tuple[tuple[str, ...], tuple[Tool, ...]]:
    """The step that installs what package.json says, and the tools it takes."""
    manager, install = _manager(project)
    return (install,), _tools(manager, declared)


def _tools(manager: str, declared: Declared) -> tuple[Tool, ...]:
    """npm comes with node."""
    return tuple(tool(name, declared.settings) for name in dict.fromkeys(("node", manager)) if name != "npm")


def _manager(project: Project) -> tuple[str, str]:
    for locks, manager, install in _INSTALLS:
        if project.has(*locks):
            return manager, install
    return _OTHERWISE
