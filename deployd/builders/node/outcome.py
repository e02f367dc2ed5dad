"""What a package becomes when its framework has built it: a site in a folder, or a server to start."""

import re
from collections.abc import Iterator

import msgspec

from deployd.builders.node.frameworks import FRAMEWORKS, Framework
from deployd.builders.node.manifest import Manifest
from deployd.builders.node.texts import without_comments
from deployd.builders.node.workspaces import Package
from deployd.builders.project import Project

_ENDINGS = ("js", "ts", "mjs", "mts", "cjs", "cts")
_BUILD_SCRIPTS = ("build", "heroku-postbuild")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`output` is relative to the package, None for a server; `script` builds it, None when no script does."""

    framework: Framework
    script: str | None
    output: str | None = None
    spa: bool = False
    pages: str = ""
    start: str = ""
    after: tuple[str, ...] = ()


def find_outcome(package: Package, inside: str = ".") -> Outcome | None:
    """By the first framework of the table that applies. `inside` is the package's folder seen from the top."""
    names = package.manifest.packages.keys()
    for framework in FRAMEWORKS:
        if names.isdisjoint(framework.packages):
            continue
        if outcome := _apply(framework, package, "" if inside == "." else f"{inside}/"):
            return outcome
    return None


def build_script(manifest: Manifest, command: str = "") -> str | None:
    """The script that builds: of the usual name, unless only another one runs the framework's own command."""
    usual = next((name for name in _BUILD_SCRIPTS if name in manifest.scripts), None)
    running = [
        name for name, script in manifest.scripts.items() if command and command in script.replace("nuxi ", "nuxt ")
    ]
    if usual is None or (running and usual not in running and "docs" in "".join(running)):
        return next((name for name in running if "build" in name or "generate" in name), usual)
    return usual


def _apply(framework: Framework, package: Package, inside: str) -> Outcome | None:
    project, manifest = package.project, package.manifest
    if framework.files and not project.has(*framework.files):
        return None
    script = build_script(manifest, framework.build)
    said = "\n".join((manifest.scripts.get(script or "", ""), *_configs(project, framework.config)))
    if framework.says and not re.search(framework.says, said):
        return None
    where = framework.where(project) if framework.where else ""
    if where is None:
        return None
    spa, pages = _one_page(project, framework, said) if framework.output else (False, "")
    return Outcome(
        framework=framework,
        script=script,
        output=_output(framework, said).replace("{where}", where) if framework.output else None,
        spa=spa,
        pages=pages,
        start=framework.start.replace("{where}", where).replace("{inside}", inside),
        after=tuple(step.replace("{inside}", inside) for step in framework.after),
    )


def _configs(project: Project, stems: tuple[str, ...]) -> Iterator[str]:
    for stem in stems:
        if name := project.first(*(f"{stem}.{ending}" for ending in _ENDINGS)):
            yield without_comments(project.text(name))


def _output(framework: Framework, said: str) -> str:
    found = re.search(framework.output_said, said) if framework.output_said else None
    folder = next((group for group in found.groups() if group), "") if found else ""
    if not folder or ".." in folder.split("/"):
        return framework.output
    return framework.output_as.replace("{said}", folder)


def _one_page(project: Project, framework: Framework, said: str) -> tuple[bool, str]:
    if framework.spa or (framework.spa_said and re.search(framework.spa_said, said)):
        return True, "it routes on the client, so index.html answers for unknown paths"
    if not framework.page:
        return False, "many pages, unknown paths are answered 404"
    if project.has("404.html", "public/404.html", "static/404.html"):
        return False, "it has its own 404.html"
    pages = [name for name in project.files if "/" not in name and name.endswith(".html")]
    if framework.page == "index.html" and pages != ["index.html"]:
        return False, "more than one page"
    return True, "one page and no 404.html, so index.html answers for unknown paths"
