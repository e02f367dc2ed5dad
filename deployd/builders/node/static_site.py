"""Where the known front-end tools put a finished site, and whether one page answers for every path of it."""

import re
from collections.abc import Mapping

import msgspec

from deployd.builders.project import Project


class Site(msgspec.Struct, frozen=True, kw_only=True):
    root: str
    spa: bool
    why: str


class _Tool(msgspec.Struct, frozen=True, kw_only=True):
    """`page` is where the source keeps the one page of a single-page app; None when the tool makes many pages."""

    package: str
    output: str
    page: str | None = None


_TOOLS = (
    _Tool(package="astro", output="dist"),
    _Tool(package="@11ty/eleventy", output="_site"),
    _Tool(package="@docusaurus/core", output="build"),
    _Tool(package="gatsby", output="public"),
    _Tool(package="vitepress", output=".vitepress/dist"),
    _Tool(package="@sveltejs/adapter-static", output="build"),
    _Tool(package="react-scripts", output="build", page="public/index.html"),
    _Tool(package="@vue/cli-service", output="dist", page="public/index.html"),
    _Tool(package="parcel", output="dist", page="index.html"),
    _Tool(package="vite", output="dist", page="index.html"),
)
_SERVER_SIDE = ("@astrojs/node", "@sveltejs/adapter-node", "@sveltejs/adapter-auto", "nuxt", "@remix-run/node")
_VITE_CONFIGS = tuple(f"vite.config.{ending}" for ending in ("js", "ts", "mjs", "mts", "cjs"))
_OUT_DIR = re.compile(r"outDir\s*:\s*['\"](?:\./)?([\w.-]+(?:/[\w.-]+)*)/?['\"]")
_NEXT_CONFIGS = ("next.config.js", "next.config.mjs", "next.config.ts")
_NEXT_EXPORT = re.compile(r"output\s*:\s*['\"]export['\"]")


def find_site(project: Project, packages: Mapping[str, str]) -> Site | None:
    """None when no tool is known that makes a site, or its output needs a server."""
    if any(name in packages for name in _SERVER_SIDE):
        return None
    if "next" in packages:
        return _next(project)
    for tool in _TOOLS:
        if tool.package in packages:
            return _site(project, tool)
    return None


def _site(project: Project, tool: _Tool) -> Site:
    root = _output(project, tool)
    spa, reason = _one_page(project, tool)
    return Site(root=root, spa=spa, why=f"the proxy serves {root}/ ({tool.package}; {reason}).")


def _output(project: Project, tool: _Tool) -> str:
    if tool.package != "vite":
        return tool.output
    config = project.first(*_VITE_CONFIGS)
    named = _OUT_DIR.search(project.text(config)) if config else None
    return named[1] if named and ".." not in named[1] else tool.output


def _one_page(project: Project, tool: _Tool) -> tuple[bool, str]:
    if tool.page is None:
        return False, "many pages, unknown paths are answered 404"
    if project.has("404.html", "public/404.html", "static/404.html"):
        return False, "it has its own 404.html"
    pages = [name for name in project.files if "/" not in name and name.endswith(".html")]
    if tool.page == "index.html" and pages != ["index.html"]:
        return False, "more than one page"
    return True, "one page and no 404.html, so index.html answers for unknown paths"


def _next(project: Project) -> Site | None:
    config = project.first(*_NEXT_CONFIGS)
    if config is None or not _NEXT_EXPORT.search(project.text(config)):
        return None
    return Site(root="out", spa=False, why="the proxy serves out/ (next, static export).")
