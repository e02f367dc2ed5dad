"""A package.json beside a Python app: its `build` script makes the assets, Python serves them."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from deployd.builders.project import Project
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed


class _Package(msgspec.Struct, frozen=True, kw_only=True):
    scripts: dict[str, str] = {}
    engines: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class _Manager:
    lockfile: str
    name: str
    install: str
    prune: str


@dataclass(frozen=True, kw_only=True)
class Assets:
    tools: tuple[Tool, ...] = ()
    build: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


_QUIET = "--no-audit --no-fund --loglevel=warn"
_MANAGERS = (
    _Manager(
        lockfile="package-lock.json",
        name="npm",
        install=f"npm ci --include=dev {_QUIET}",
        prune=f"npm prune --omit=dev {_QUIET}",
    ),
    _Manager(
        lockfile="pnpm-lock.yaml",
        name="pnpm",
        install="pnpm install --frozen-lockfile",
        prune="CI=true pnpm prune --prod",
    ),
    _Manager(lockfile="yarn.lock", name="yarn", install="yarn install --frozen-lockfile", prune=""),
    _Manager(lockfile="bun.lock", name="bun", install="bun install --frozen-lockfile", prune=""),
)
_NO_LOCK = _Manager(
    lockfile="",
    name="npm",
    install=f"npm install --include=dev --no-package-lock {_QUIET}",
    prune=f"npm prune --omit=dev --no-package-lock {_QUIET}",
)


def find_assets(project: Project, tools: Mapping[str, str]) -> Assets:
    """Nothing to do without a `build` script. BuildFailed when package.json cannot be read."""
    if not project.has("package.json"):
        return Assets()
    try:
        package = msgspec.json.decode(project.read("package.json").lstrip("\ufeff"), type=_Package)
    except msgspec.DecodeError as error:
        raise BuildFailed(f"package.json cannot be read: {error}.") from error
    if "build" not in package.scripts:
        return Assets(reasons=("package.json has no `build` script, so nothing of Node is run.",))
    manager = next((each for each in _MANAGERS if project.has(each.lockfile)), _NO_LOCK)
    names = ["node", *([manager.name] if manager.name != "npm" else [])]
    return Assets(
        tools=tuple(Tool(name=name, wanted=tools.get(name, _node(project, package, name))) for name in names),
        build=(manager.install, f"{manager.name} run build"),
        after=(manager.prune,) if manager.prune else (),
        reasons=(f"package.json beside it has a `build` script: {manager.name} makes the assets, Python serves.",),
    )


def _node(project: Project, package: _Package, tool: str) -> str:
    if tool != "node":
        return ""
    said = project.text(".nvmrc").strip() or project.text(".node-version").strip()
    return said.removeprefix("v") or package.engines.get("node", "")
