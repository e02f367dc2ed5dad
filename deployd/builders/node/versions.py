"""Which version of node a project wants, and who says so."""

import re
import tomllib
from collections.abc import Iterator, Mapping

import msgspec

from deployd.builders.node.manifest import Manifest
from deployd.builders.project import Project

_NAMED = {
    "argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14",
    "gallium": "16", "hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24",
}  # fmt: skip
_ANY = {"node", "latest", "stable", "current", "*", "x", "system"}
_STRIPS_TYPES = {22: 18, 23: 6}
"""The first minor version of each major one that runs TypeScript without being asked; later majors all do."""


class Wanted(msgspec.Struct, frozen=True):
    """`source` is empty when nobody says anything; the first that speaks wins."""

    version: str = ""
    source: str = ""
    overruled: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        if not self.source:
            return "No version of node is asked for, so any will do."
        aside = f" (before {', '.join(self.overruled)})" if self.overruled else ""
        return f"{self.source} asks for node {self.version or 'of any version'}{aside}."


def wanted_node(project: Project, manifest: Manifest, top: Project, settings: Mapping[str, str]) -> Wanted:
    """Files that pin one version go before the range in `engines`; the package's own word before the repository's."""
    said = [("The setting build.tools", settings["node"])] if "node" in settings else []
    said += _said(project, manifest)
    if top.root != project.root:
        said += _said(top, None)
    if not said:
        return Wanted()
    (source, version), *others = said
    return Wanted(_plain(version), source, tuple(other for other, _ in others if other != source))


def _said(project: Project, manifest: Manifest | None) -> Iterator[tuple[str, str]]:
    for name in (".nvmrc", ".node-version"):
        if version := _first_line(project.text(name)):
            yield project.path(name), version
    for name, version in pinned(project, "nodejs", "node"):
        yield project.path(name), version
    if manifest is None:
        return
    runtime, version = manifest.dev_engines.get("runtime", ("", ""))
    if version := manifest.volta.get("node", "").strip():
        yield "`volta` in package.json", version
    if version := manifest.engines.get("node", "").strip():
        yield "`engines` in package.json", version
    if runtime == "node" and (version := manifest.dev_engines["runtime"][1].strip()):
        yield "`devEngines` in package.json", version


def pinned(project: Project, *tools: str) -> Iterator[tuple[str, str]]:
    """What .tool-versions and mise.toml say of a tool that has several names."""
    for line in project.text(".tool-versions").splitlines():
        name, *versions = line.partition("#")[0].split() or [""]
        if name in tools and versions:
            yield ".tool-versions", versions[0]
    for file in ("mise.toml", ".mise.toml"):
        try:
            said = tomllib.loads(project.text(file)).get("tools", {})
        except tomllib.TOMLDecodeError:
            continue
        for name in tools:
            version = said.get(name) if isinstance(said, dict) else None
            version = version.get("version") if isinstance(version, dict) else version
            version = version[0] if isinstance(version, list) and version else version
            if isinstance(version, str | int | float):
                yield file, str(version)


def strips_types(wanted: str) -> str | None:
    """The part of the wished range that runs TypeScript as it is, None when there is none.

    A wish for nothing in particular becomes one for a version that can; so does an open range.
    """
    if wanted in ("", "lts/*") or re.fullmatch(r">=?\s*v?(\d|1\d|2[01])(\.[\w.]+)?", wanted):
        return ">=22.18.0"
    if (exact := re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", wanted)) is not None:
        return wanted if _can(int(exact[1]), int(exact[2])) else None
    majors = re.findall(r"(?<![\d.<])(\d+)(?:\.[\dx*]+)*", re.sub(r"<=?\s*[\d.]+", "", wanted))
    for major in map(int, majors):
        if major in _STRIPS_TYPES:
            return f">={major}.{_STRIPS_TYPES[major]}.0 <{major + 1}"
        if major > max(_STRIPS_TYPES):
            return wanted
    return None


def _can(major: int, minor: int) -> bool:
    return major > max(_STRIPS_TYPES) or (major in _STRIPS_TYPES and minor >= _STRIPS_TYPES[major])


def _first_line(content: str) -> str:
    lines = (line.partition("#")[0].strip() for line in content.lstrip("\ufeff").splitlines())
    return next((line for line in lines if line), "")


def _plain(version: str) -> str:
    """As the registry writes it: `v20` is 20, `lts/iron` is 20, and `node` is any."""
    version = version.strip().lower()
    if version in _ANY:
        return ""
    if version.startswith("lts"):
        name = version.removeprefix("lts").strip("/-")
        return _NAMED.get(name, "lts/*")
    return re.sub(r"^v(?=\d)", "", version)
