"""MkDocs and Sphinx: when a repository is a site, what builds it, and which folder is served."""

import pytest

from tests.deployd.builders.python.plans import Files, documented, installs

MKDOCS = {"mkdocs.yml": "site_name: x\n", "docs/index.md": ""}
MATERIAL = {"mkdocs.yml": "theme:\n  name: material\nplugins:\n  - search\n  - redirects\n", "docs/index.md": ""}
SPHINX = {"docs/conf.py": "project = 'x'\nhtml_theme = 'furo'\n"}
BUILD = "mkdocs build --config-file mkdocs.yml"
FASTAPI = "import fastapi\napp = fastapi.FastAPI()\n"

SITES: dict[str, tuple[Files, str, str]] = {
    "mkdocs": (MKDOCS, f"uv tool run --from 'mkdocs>=1.6,<2' {BUILD}", "site"),
    "mkdocs with what its configuration names": (
        MATERIAL,
        f"uv tool run --from 'mkdocs>=1.6,<2' --with mkdocs-material --with mkdocs-redirects {BUILD}",
        "site",
    ),
    "mkdocs into another folder": (
        {"mkdocs.yml": "site_dir: out/www\n"},
        f"uv tool run --from 'mkdocs>=1.6,<2' {BUILD}",
        "out/www",
    ),
    "mkdocs out of the project": (
        {"mkdocs.yml": "site_dir: ../www\n"},
        f"uv tool run --from 'mkdocs>=1.6,<2' {BUILD}",
        "site",
    ),
    "mkdocs with requirements": ({**MKDOCS, "requirements.txt": "mkdocs==1.6.1"}, f".venv/bin/{BUILD}", "site"),
    "mkdocs of a library": (
        {**MKDOCS, "pyproject.toml": '[project]\nname = "x"\n[build-system]', "x/__init__.py": "", "x/core.py": ""},
        f"uv tool run --from 'mkdocs>=1.6,<2' {BUILD}",
        "site",
    ),
    "mkdocs whose macros are in main.py": (
        {**MKDOCS, "main.py": "def define_env(env): ..."},
        f"uv tool run --from 'mkdocs>=1.6,<2' {BUILD}",
        "site",
    ),
    "sphinx": (SPHINX, "uv tool run --from sphinx --with furo sphinx-build -b html docs _site", "_site"),
    "sphinx in docs/source": (
        {"docs/source/conf.py": "extensions = []"},
        "uv tool run --from sphinx sphinx-build -b html docs/source _site",
        "_site",
    ),
    "sphinx at the top": (
        {"conf.py": "extensions = []"},
        "uv tool run --from sphinx sphinx-build -b html . _site",
        "_site",
    ),
    "sphinx with requirements": (
        {**SPHINX, "docs/requirements.txt": "furo"},
        ".venv/bin/sphinx-build -b html docs _site",
        "_site",
    ),
}


@pytest.mark.parametrize("case", SITES)
def test_a_site_is_built_and_served_from_its_folder(case: str) -> None:
    files, build, output = SITES[case]
    plan = documented(files)
    assert plan is not None
    assert (plan.builder, plan.steps, plan.static_root, plan.processes) == ("docs", (build,), output, {})


PACKAGES: dict[str, tuple[Files, tuple[str, ...], bool]] = {
    "pinned": (
        {**MKDOCS, "requirements.txt": "mkdocs==1.6.1"},
        ("uv pip install --python .venv -r requirements.txt",),
        True,
    ),
    "beside the pages, without the tool": (
        {**MKDOCS, "docs/requirements.txt": "mkdocs-redirects==1"},
        ("uv pip install --python .venv -r docs/requirements.txt 'mkdocs>=1.6,<2'",),
        False,
    ),
    "in a group": (
        {**MKDOCS, "pyproject.toml": '[dependency-groups]\ndocs = ["mkdocs-material"]'},
        ("uv pip install --python .venv --group docs",),
        False,
    ),
    "in an extra": (
        {**SPHINX, "pyproject.toml": '[project]\nname = "x"\n[project.optional-dependencies]\ndocs = ["Sphinx>=7"]'},
        ("uv pip install --python .venv '.[docs]'",),
        False,
    ),
    "in the project": (
        {**MKDOCS, "pyproject.toml": '[project]\nname = "x"\ndependencies = ["mkdocs"]'},
        ("uv pip install --python .venv -r pyproject.toml",),
        False,
    ),
}


@pytest.mark.parametrize("case", PACKAGES)
def test_the_project_says_what_its_pages_need(case: str) -> None:
    files, steps, reusable = PACKAGES[case]
    plan = documented(files)
    assert plan is not None
    assert plan.dependencies is not None
    assert installs(plan) == steps
    assert plan.dependencies.reusable is reusable


NO_SITES: dict[str, tuple[Files, dict[str, str]]] = {
    "an app with pages about it": ({**MKDOCS, "requirements.txt": "fastapi", "main.py": FASTAPI}, {}),
    "a script that listens, with pages about it": ({**MKDOCS, "main.py": "int(os.environ['PORT'])"}, {}),
    "a Procfile": (MKDOCS, {"web": "./serve"}),
    "a conf.py of something else": ({"conf.py": "DEBUG = True"}, {}),
    "nothing": ({}, {}),
}


@pytest.mark.parametrize("case", NO_SITES)
def test_what_serves_is_no_site(case: str) -> None:
    files, processes = NO_SITES[case]
    assert documented(files, processes) is None


def test_the_owner_may_insist_and_say_it_otherwise() -> None:
    files = {**MKDOCS, "main.py": FASTAPI, "requirements.txt": "mkdocs"}
    plan = documented(files, builder="docs", install="", build="make site", output="public")
    assert plan is not None
    assert (plan.dependencies, plan.steps, plan.static_root) == (None, ("make site",), "public")
