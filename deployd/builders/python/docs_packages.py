"""Which packages a documentation site needs: as the project says, else by what its configuration names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deployd.builders.python.environment import declared_packages
from deployd.builders.python.manifest import Manifests, package_names, strings, table
from deployd.builders.python.requirement_files import Requirements, read_requirements

_FILES = (
    "docs/requirements.txt",
    "doc/requirements.txt",
    "requirements/docs.txt",
    "requirements/doc.txt",
    "requirements-docs.txt",
    "requirements-doc.txt",
    "docs-requirements.txt",
    "docs/source/requirements.txt",
    "requirements.txt",
)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """`packages` are those without which it is no project of this tool; `named` maps words of the configuration."""

    title: str
    newest: str
    packages: frozenset[str]
    named: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Arguments of `uv pip install`; when there are none, `packages` are for `uv tool run`, the tool first."""

    why: str
    install: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    pinned: bool = False
    packages: tuple[str, ...] = ()


MKDOCS = Tool(
    title="MkDocs",
    newest="mkdocs>=1.6,<2",
    packages=frozenset({"mkdocs", "mkdocs-material", "properdocs"}),
    named={
        "material": "mkdocs-material",
        "awesome-pages": "mkdocs-awesome-pages-plugin",
        "awesome-nav": "mkdocs-awesome-nav",
        "git-revision-date-localized": "mkdocs-git-revision-date-localized-plugin",
        "git-revision-date": "mkdocs-git-revision-date-plugin",
        "glightbox": "mkdocs-glightbox",
        "include-markdown": "mkdocs-include-markdown-plugin",
        "literate-nav": "mkdocs-literate-nav",
        "gen-files": "mkdocs-gen-files",
        "section-index": "mkdocs-section-index",
        "macros": "mkdocs-macros-plugin",
        "mermaid2": "mkdocs-mermaid2-plugin",
        "minify": "mkdocs-minify-plugin",
        "mkdocstrings": "mkdocstrings[python]",
        "redirects": "mkdocs-redirects",
        "rss": "mkdocs-rss-plugin",
    },
)
SPHINX = Tool(
    title="Sphinx",
    newest="sphinx",
    packages=frozenset({"sphinx"}),
    named={
        "furo": "furo",
        "alabaster": "alabaster",
        "sphinx_rtd_theme": "sphinx-rtd-theme",
        "sphinx_book_theme": "sphinx-book-theme",
        "pydata_sphinx_theme": "pydata-sphinx-theme",
        "sphinx_material": "sphinx-material",
        "shibuya": "shibuya",
        "myst_parser": "myst-parser",
        "myst_nb": "myst-nb",
        "nbsphinx": "nbsphinx",
        "sphinx_copybutton": "sphinx-copybutton",
        "sphinx_design": "sphinx-design",
        "sphinx_tabs.tabs": "sphinx-tabs",
        "sphinxcontrib.mermaid": "sphinxcontrib-mermaid",
        "sphinxext.opengraph": "sphinxext-opengraph",
        "sphinx_autodoc_typehints": "sphinx-autodoc-typehints",
    },
)


def ask_for(manifests: Manifests, tool: Tool, config: str) -> Asked:
    return _by_file(manifests, tool) or _by_manifest(manifests, tool) or _by_config(manifests, tool, config)


def _by_file(manifests: Manifests, tool: Tool) -> Asked | None:
    """One that names the tool, or that lies beside the pages: it may get the tool by way of a theme."""
    for name in (name for name in _FILES if manifests.project.has(name)):
        found = read_requirements(manifests.project, name)
        if package_names(found.lines) & tool.packages:
            return _asked(found, "")
        if name != "requirements.txt":
            return _asked(found, tool.newest)
    return None


def _asked(found: Requirements, newest: str) -> Asked:
    extra = f" '{newest}'" if newest else ""
    options = "--no-editable " if found.editable else ""
    return Asked(
        why=f"uv installs what {found.name} asks for",
        install=(f"{options}-r {found.name}{extra}",),
        inputs=found.files,
        pinned=found.pinned and not newest,
    )


def _by_manifest(manifests: Manifests, tool: Tool) -> Asked | None:
    inputs = (manifests.project.path("pyproject.toml"),)
    for name, lines in table(manifests.pyproject, "dependency-groups").items():
        if re.fullmatch(r"[\w.-]+", name) and package_names(strings(lines)) & tool.packages:
            group = f"--group {name}"
            # Pages about code import it: what the project needs comes along, and the project when it is a package.
            own = (".",) if "build-system" in manifests.pyproject else ()
            return Asked(why=f"uv installs the group {name}", install=(" ".join((group, *own)),), inputs=inputs)
    for name, lines in table(manifests.about, "optional-dependencies").items():
        if re.fullmatch(r"[\w.-]+", name) and package_names(strings(lines)) & tool.packages:
            return Asked(why=f"uv installs the project with [{name}]", install=(f"'.[{name}]'",), inputs=inputs)
    if declared_packages(manifests) & tool.packages and manifests.about:
        return Asked(why="uv installs what pyproject.toml asks for", install=("-r pyproject.toml",), inputs=inputs)
    return None


def _by_config(manifests: Manifests, tool: Tool, config: str) -> Asked:
    words = set(re.findall(r"[\w.-]+", config))
    named = tuple(dict.fromkeys(package for word, package in tool.named.items() if word in words))
    about_code = "mkdocstrings" in words or "sphinx.ext.autodoc" in words or "autoapi" in words
    own = (".",) if about_code and "build-system" in manifests.pyproject else ()
    shown = ", ".join((tool.newest, *named))
    return Asked(why=f"no file names {tool.title}, so uv runs {shown}", packages=(tool.newest, *named, *own))
