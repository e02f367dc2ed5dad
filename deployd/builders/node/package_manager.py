"""Which package manager a project is installed with, of which version, and who says so."""

import re

import msgspec

from deployd.builders.node.managers import BERRY, BUN, CONVERTED, MANAGERS, NPM, PLUG_N_PLAY, PNPM, YARN, Manager
from deployd.builders.node.manifest import Manifest
from deployd.builders.node.versions import pinned
from deployd.builders.project import Project
from deployd.domain.build import BuildSettings, Tool

_SAID = re.compile(r"(npm|pnpm|yarn|bun)@\^?v?(\d[\w.-]*)")
_RELEASE = re.compile(r"yarnPath:\s*['\"]?\S{0,200}?yarn-(?:berry-)?(\d++(?:\.\d++)*+)?[\w.-]{0,100}\.c?js")
_LINKER = re.compile(r"^nodeLinker:\s*['\"]?([\w-]+)", re.M)
_BUN_USED = re.compile(r"\bbunx?\s")
_PNPM_OF_LOCK = {"5": "7", "6": "8", "9": "9"}
_PNPM_WITHOUT_LOCK = "10"
_PNPM_SETTINGS = re.compile(r"^(?!packages\s*:)[A-Za-z]\w*\s*:", re.M)
_YARN_OF_LOCK = {
    "4": "2", "5": ">=3.1.0 <3.2.0", "6": ">=3.2.0 <4.0.0", "8": ">=4.0.0 <4.14.0", "9": "~4.14.0",
}  # fmt: skip
_YARN_NEWEST = ">=4.15.0"
"""Yarn refuses a lockfile of another version than its own, even an older one, when it may not rewrite it."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    manager: Manager
    version: str = ""
    lockfile: str | None = None
    env: dict[str, str] = {}
    reasons: tuple[str, ...] = ()

    @property
    def locked(self) -> bool:
        return self.lockfile is not None and self.lockfile in self.manager.lockfiles

    @property
    def pnp(self) -> bool:
        return self.manager is PLUG_N_PLAY

    def tools(self) -> tuple[Tool, ...]:
        return (Tool(name=self.manager.tool, wanted=self.version),) if self.manager.tool else ()


def choose_manager(top: Project, manifest: Manifest, settings: BuildSettings) -> Chosen:
    """`top` is the folder that is installed in."""
    present = [name for manager in MANAGERS for name in manager.lockfiles if name in top.files]
    present = list(dict.fromkeys(present))
    if settings.convert_bun:
        return _converted(top, settings)
    manager, version, reason = _said(manifest, settings) or _locked(top, present) or _hinted(top, manifest)
    if manager in (YARN, BERRY):
        manager, version = _which_yarn(top, version)
    lockfile = next((name for name in manager.lockfiles if name in top.files), None)
    version = settings.tools.get(manager.tool or "", "") or version or _version(top, manifest, manager)
    return Chosen(
        manager=manager,
        version=version,
        lockfile=lockfile,
        env={**manager.env, **(_yarn_env(top, manager) if manager in (BERRY, PLUG_N_PLAY) else {})},
        reasons=(reason, *_about_locks(manager, lockfile, present)),
    )


def _converted(top: Project, settings: BuildSettings) -> Chosen:
    """Bun reads the other managers' lockfiles where it has none of its own."""
    lockfile = next((name for name in CONVERTED.lockfiles if name in top.files), None)
    return Chosen(
        manager=CONVERTED,
        version=settings.tools.get("bun", "") or _first(top, "bun"),
        lockfile=lockfile,
        reasons=(
            f"`convert_bun` is set: Bun installs what {lockfile or 'package.json'} says, and runs scripts and server.",
        ),
    )


def _said(manifest: Manifest, settings: BuildSettings) -> tuple[Manager, str, str] | None:
    if found := _SAID.match(manifest.package_manager):
        return _named(found[1]), found[2], f"package.json says `packageManager: {found[0]}`."
    name, version = manifest.dev_engines.get("packageManager", ("", ""))
    if name in ("npm", "pnpm", "yarn", "bun"):
        return _named(name), version, f"`devEngines` in package.json names {name}."
    return None


def _named(name: str) -> Manager:
    return next(manager for manager in MANAGERS if manager.name == name)


def _locked(top: Project, present: list[str]) -> tuple[Manager, str, str] | None:
    if not present:
        return None
    manager = next(manager for manager in MANAGERS if present[0] in manager.lockfiles)
    return manager, "", f"{top.path(present[0])} is the lockfile of {manager.name}."


def _hinted(top: Project, manifest: Manifest) -> tuple[Manager, str, str]:
    """Without a lockfile there may still be files and fields that only one manager reads."""
    if top.has("pnpm-workspace.yaml", ".pnpmfile.cjs"):
        return PNPM, "", "There is no lockfile, but files of pnpm's."
    if top.has(".yarnrc.yml", ".yarnrc"):
        return YARN, "", "There is no lockfile, but a configuration of Yarn's."
    if top.has("bunfig.toml") or manifest.packages.keys() & {"@types/bun", "bun-types"}:
        return BUN, "", "There is no lockfile, but the project is written for Bun."
    if any(_BUN_USED.search(script) for script in manifest.scripts.values()):
        return BUN, "", "There is no lockfile, but scripts use bun."
    for manager in (PNPM, YARN, BUN):
        if manager.name in {**manifest.volta, **manifest.engines} and "npm" not in manifest.engines:
            return manager, "", f"package.json asks for a version of {manager.name}."
    return NPM, "", "Nothing names a package manager, so npm it is."


def _which_yarn(top: Project, version: str) -> tuple[Manager, str]:
    """Yarn 1 and all later ones share a name and a lockfile's name, and little else."""
    settings, lock = top.text(".yarnrc.yml"), top.text("yarn.lock")
    if release := _RELEASE.search(settings):
        version = version or release[1] or ""
    metadata = re.search(r"^__metadata:\s+version: (\d+)", lock, re.M)
    if not version and metadata:
        version = _YARN_OF_LOCK.get(metadata[1], _YARN_NEWEST)
    if not version and settings and not lock.startswith("# THIS IS AN AUTOGENERATED FILE"):
        version = "4"
    if not version:
        return YARN, "1"
    if re.match(r"[\^~]?1(\.|$)", version):
        return YARN, version
    return PLUG_N_PLAY if _plugs_and_plays(top, settings) else BERRY, version


def _plugs_and_plays(top: Project, settings: str) -> bool:
    """Only where its file is checked in or a script loads it: tools and servers expect a node_modules."""
    linker = found[1] if (found := _LINKER.search(settings)) else "pnp"
    return linker == "pnp" and (top.has(".pnp.cjs") or ".pnp." in top.text("package.json"))


def _version(top: Project, manifest: Manifest, manager: Manager) -> str:
    if manager.tool is None:
        return ""
    said = manifest.volta.get(manager.tool) or _first(top, manager.tool) or manifest.engines.get(manager.tool, "")
    return said or (_version_of_pnpm(top) if manager is PNPM else "")


def _version_of_pnpm(top: Project) -> str:
    """9 runs the install scripts of packages; later ones only those that are allowed by settings it cannot read."""
    lock = top.text("pnpm-lock.yaml")
    major = re.search(r"^lockfileVersion:\s*['\"]?(\d+)", lock, re.M)
    if major is None:
        return _PNPM_WITHOUT_LOCK
    if re.search(r"^---$", lock.lstrip("-\n"), re.M):
        return ">=11"  # two documents in one file
    settings = _PNPM_SETTINGS.search(top.text("pnpm-workspace.yaml"))
    allowed = "onlyBuiltDependencies" in top.text("package.json")
    return "10" if major[1] == "9" and (settings or allowed) else _PNPM_OF_LOCK.get(major[1], _PNPM_WITHOUT_LOCK)


def _first(top: Project, tool: str) -> str:
    own = top.text(".bun-version").strip().removeprefix("v") if tool == "bun" else ""
    version = own or next((version for _, version in pinned(top, tool)), "")
    return "" if version == "latest" else version


def _yarn_env(top: Project, manager: Manager) -> dict[str, str]:
    """Plug'n'Play runs packages out of their archives, so these must lie in the project."""
    if manager is PLUG_N_PLAY:
        return {"YARN_ENABLE_GLOBAL_CACHE": "false"}
    checked_in = any(name.startswith(".yarn/cache/") for name in top.files)
    return {"YARN_NODE_LINKER": "node-modules", **({} if checked_in else {"YARN_ENABLE_GLOBAL_CACHE": "true"})}


def _about_locks(manager: Manager, lockfile: str | None, present: list[str]) -> tuple[str, ...]:
    others = [name for name in present if name not in manager.lockfiles]
    if lockfile and others:
        return (f"{lockfile} wins; {', '.join(others)} is left aside, delete what is not used.",)
    if others:
        return (f"{', '.join(others)} is not {manager.name}'s and left aside; versions are not locked.",)
    if lockfile is None:
        return ("There is no lockfile, so versions are not locked and packages are installed each time.",)
    return ()
