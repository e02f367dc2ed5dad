"""Rust: one binary out of Cargo.toml, with the host's own cargo; what was compiled is kept for the next build."""

import re
import tomllib
from typing import Any

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, refuse_build_alone, tool
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_BINARY = ".deployd/app"
_NAME = re.compile(r"[\w-]+")
_USUAL = ("server", "web", "api", "app")
_MOST_MEMBERS = 100


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("Cargo.toml"):
        return None
    refuse_build_alone(declared, "Rust")
    locked = " --locked" if project.has("Cargo.lock") else ""
    steps: tuple[str, ...]
    if "web" in declared.processes:
        steps, what = (f"cargo build --release{locked}",), "every binary into target/release/"
    else:
        name = _binary(project)
        if name is None:
            return None
        what = f"the binary {name}"
        steps = (
            f"cargo build --release{locked} --bin {name}",
            f"mkdir -p .deployd && cp target/release/{name} {_BINARY}",
        )
    used = any("target/" in command for command in declared.processes.values())
    plan = BuildPlan(
        builder="rust",
        why=f"Rust: `cargo build --release` makes {what}; it must listen on $PORT.",
        root=project.root,
        tools=(tool("cargo", declared.settings),),
        steps=steps,
        processes={"web": f"./{_BINARY}", **declared.processes},
        kept=() if used else (project.path("target"),),
    )
    return as_told(plan, declared.settings)


def _binary(project: Project) -> str | None:
    """None when there is no binary: a library, such as the WebAssembly part of a front end."""
    manifest = _manifest(project, "Cargo.toml")
    names = _binaries(project, manifest, "")
    for member in _members(project, manifest):
        names += _binaries(project, _manifest(project, f"{member}/Cargo.toml"), f"{member}/")
    names = [name for name in dict.fromkeys(names) if _NAME.fullmatch(name)]
    default = _table(manifest, "package").get("default-run")
    for name in (default, *_USUAL):
        if name in names:
            return str(name)
    if len(names) > 1:
        raise BuildFailed(
            f"This Rust project has several binaries ({', '.join(names[:8])}): name one with `default-run` in "
            f"[package] of Cargo.toml, or say `build.start`, such as `./target/release/{names[0]}`."
        )
    return names[0] if names else None


def _binaries(project: Project, manifest: dict[str, Any], prefix: str) -> list[str]:
    package = _table(manifest, "package").get("name")
    tables = manifest.get("bin", [])
    named = [str(table["name"]) for table in tables if isinstance(table, dict) and "name" in table]
    if isinstance(package, str) and project.has(f"{prefix}src/main.rs") and not _renamed(tables):
        named.insert(0, package)
    folder = f"{prefix}src/bin/"
    for name in sorted(project.files):
        if name.startswith(folder) and (found := re.fullmatch(r"([\w-]+)(\.rs|/main\.rs)", name.removeprefix(folder))):
            named.append(found[1])
    return named


def _renamed(tables: Any) -> bool:
    return any(isinstance(table, dict) and table.get("path") == "src/main.rs" for table in tables)


def _members(project: Project, manifest: dict[str, Any]) -> list[str]:
    """The folders of a workspace, `crates/*` taken for every folder there."""
    said = _table(manifest, "workspace").get("members", [])
    found: list[str] = []
    for pattern in said if isinstance(said, list) else ():
        if not str(pattern).endswith("/*"):
            found.append(str(pattern).rstrip("/"))
            continue
        prefix = str(pattern)[:-1]
        inside = {name for name in project.files if name.startswith(prefix) and name.endswith("/Cargo.toml")}
        found += sorted(name.rpartition("/")[0] for name in inside if name.removeprefix(prefix).count("/") == 1)
    return [member for member in found if project.has(f"{member}/Cargo.toml")][:_MOST_MEMBERS]


def _manifest(project: Project, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(project.text(name).lstrip("\ufeff").replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise BuildFailed(f"{project.path(name)} cannot be read: {error}.") from error


def _table(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    table = manifest.get(name, {})
    return table if isinstance(table, dict) else {}


RECIPE = Recipe(
    name="rust",
    title="Rust",
    detect=detect,
    rows=(
        Recognised(
            what="`Cargo.toml` with a binary, its own or one of its workspace's",
            how=f"`cargo build --release --locked --bin NAME`; the binary becomes `{_BINARY}` and serves, target/ is "
            "kept for the next build. Of several: `default-run`, then server, web, api, app.",
        ),
        Recognised(
            what="`Cargo.toml` and a `Procfile` with `web`",
            how="`cargo build --release`; the commands name the binaries as `target/release/NAME`.",
        ),
    ),
    marks=("Cargo.toml",),
)
