"""MkDocs and Sphinx projects in which nothing serves: a static site, built with what the project or the tool needs."""

import re
import shlex
from dataclasses import dataclass

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.python.docs_packages import MKDOCS, SPHINX, Asked, Tool, ask_for
from deployd.builders.python.environment import INSTALL, VENV, declared_packages
from deployd.builders.python.manifest import Manifests, read_manifests
from deployd.builders.python.versions import python_tool
from deployd.builders.python.web import serves
from deployd.domain.build import BuildPlan, Dependencies

NAME = "docs"

_SITE_DIR = re.compile(r"^site_dir:\s*['\"]?(?:\./)?([\w.-]+(?:/[\w.-]+)*)/?['\"]?\s*$", re.M)
_SPHINX_PLACES = ("docs/source", "docs", "doc/source", "doc", "source", ".")
_SPHINX = re.compile(r"^[ \t]*(?:extensions|html_theme|project|master_doc|root_doc)[ \t]*=", re.M)
_SPHINX_OUTPUT = "_site"


@dataclass(frozen=True, kw_only=True)
class _Site:
    tool: Tool
    config: str
    command: str
    output: str


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    site = _mkdocs(project) or _sphinx(project)
    if site is None:
        return None
    manifests = read_manifests(project)
    chosen = declared.settings.builder == NAME
    if not chosen and (declared.processes or serves(project, declared_packages(manifests))):
        return None
    return _plan(manifests, declared, site)


def _plan(manifests: Manifests, declared: Declared, site: _Site) -> BuildPlan:
    settings, project = declared.settings, manifests.project
    python, said = python_tool(manifests, settings.tools)
    asked = ask_for(manifests, site.tool, project.text(site.config))
    build = settings.build if settings.build is not None else _command(asked, site)
    output = settings.output if settings.output is not None else site.output
    return BuildPlan(
        builder=NAME,
        why=f"{site.tool.title}: {asked.why}, then the proxy serves {output}.",
        reasons=(
            *said,
            f"{site.config} makes it a {site.tool.title} site, and nothing here serves.",
            f"{asked.why[0].upper()}{asked.why[1:]}.",
        ),
        root=project.root,
        tools=(python,),
        dependencies=_dependencies(project, asked, settings.install),
        steps=(build,) if build else (),
        static_root=project.path(output),
        spa=bool(settings.spa),
    )


def _command(asked: Asked, site: _Site) -> str:
    if asked.install:
        return f".venv/bin/{site.command}"
    first, *others = asked.packages
    withs = "".join(f" --with {shlex.quote(package)}" for package in others)
    return f"uv tool run --from {shlex.quote(first)}{withs} {site.command}"


def _dependencies(project: Project, asked: Asked, install: str | None) -> Dependencies | None:
    steps = asked.install if install is None else (install,) if install else ()
    if not steps:
        return None
    return Dependencies(
        steps=(VENV, *(f"{INSTALL} {step}" for step in steps)) if install is None else (VENV, *steps),
        folders=(project.path(".venv"),),
        inputs=asked.inputs,
        at=project.root,
        reusable=asked.pinned and install is None,
    )


def _mkdocs(project: Project) -> _Site | None:
    config = project.first("mkdocs.yml", "mkdocs.yaml")
    if config is None:
        return None
    named = _SITE_DIR.search(project.text(config))
    output = named[1] if named and ".." not in named[1] else "site"
    return _Site(tool=MKDOCS, config=config, command=f"mkdocs build --config-file {config}", output=output)


def _sphinx(project: Project) -> _Site | None:
    for place in _SPHINX_PLACES:
        config = "conf.py" if place == "." else f"{place}/conf.py"
        if _SPHINX.search(project.text(config)):
            command = f"sphinx-build -b html {place} {_SPHINX_OUTPUT}"
            return _Site(tool=SPHINX, config=config, command=command, output=_SPHINX_OUTPUT)
    return None


RECIPE = Recipe(
    name=NAME,
    title="Documentation",
    detect=detect,
    rows=(
        Recognised(what="mkdocs.yml and nothing that serves", how="`mkdocs build`; the proxy serves its `site_dir`."),
        Recognised(
            what=f"a Sphinx conf.py in {', '.join(_SPHINX_PLACES[:-1])} or the top, and nothing that serves",
            how="`sphinx-build -b html`; the proxy serves the result.",
        ),
        Recognised(
            what="what either needs",
            how="A requirements file that names the tool, else a dependency group or extra that does, else the newest "
            "tool with the themes and plugins that its configuration names.",
        ),
    ),
    marks=("mkdocs.yml", "docs/conf.py"),
)
