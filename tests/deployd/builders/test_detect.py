"""Several kinds in one repository: which makes the plan, and what is said of the others."""

import pytest

from deployd.builders.detect import RECIPES, SPOKEN
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

START = package(scripts={"start": "node server.js"})
ASSETS = package(scripts={"build": "vite build"}, devDependencies={"vite": "8"})
GO = {"go.mod": "module example.com/shop\n", "main.go": "package main\n"}
PYTHON = {"requirements.txt": "", "main.py": ""}
FLASK = {"requirements.txt": "flask", "app.py": "import flask\napp = flask.Flask(__name__)\n"}
NODE = {"package.json": START, "server.js": ""}
HUGO = {"hugo.toml": "", "content/_index.md": ""}
RUBY = {"Gemfile": 'gem "puma"', "config.ru": ""}
PHP = {"composer.json": "{}", "public/index.php": ""}

FIRST: dict[str, tuple[Files, str]] = {
    "node alone": (NODE, "node"),
    "go before node": ({**GO, **NODE}, "go"),
    "go without a program leaves it to node": ({"go.mod": "module x\n", "lib.go": "package lib\n", **NODE}, "node"),
    "php before node": ({**PHP, "package.json": ASSETS}, "php"),
    "ruby before node": ({**RUBY, "package.json": ASSETS}, "ruby"),
    "a Gemfile for tools leaves it to node": ({"Gemfile": 'gem "fastlane"', **NODE}, "node"),
    "a Rust library leaves it to node": ({"Cargo.toml": '[package]\nname="x"', "src/lib.rs": "", **NODE}, "node"),
    "node before python": ({**NODE, **PYTHON}, "node"),
    "python when web speaks it": ({**NODE, **PYTHON, "Procfile": "web: gunicorn a:b"}, "python"),
    "python after settings of the shell": ({**NODE, **PYTHON, "Procfile": "web: A=1 exec python3.12 x"}, "python"),
    "python when there is a manage.py": ({**NODE, **PYTHON, "manage.py": ""}, "python"),
    "node when web speaks it": ({**GO, **NODE, "Procfile": "web: npm run serve"}, "node"),
    "python when the package.json cannot serve": ({"package.json": package(name="x"), **PYTHON}, "python"),
    "python when node has only a page": ({"package.json": package(name="x"), "index.html": "", **PYTHON}, "python"),
    "node's page when nothing else is here": ({"package.json": package(name="x"), "index.html": ""}, "node"),
    "documentation when nothing serves": ({"mkdocs.yml": "", "requirements.txt": "mkdocs"}, "docs"),
    "a server before its documentation": ({**GO, "mkdocs.yml": ""}, "go"),
    "python before its documentation": ({**FLASK, "mkdocs.yml": ""}, "python"),
    "hugo before node": ({**HUGO, "package.json": package(name="x")}, "hugo"),
    "jekyll before ruby": ({"_config.yml": "", "Gemfile": "gem 'jekyll'", "config.ru": ""}, "jekyll"),
    "go before a Dockerfile": ({**GO, "Dockerfile": ""}, "go"),
    "procfile before a Dockerfile": ({"Procfile": "web: ./x", "Dockerfile": ""}, "procfile"),
    "procfile before files": ({"Procfile": "web: ./x", "index.html": ""}, "procfile"),
    "files before a Dockerfile": ({"index.html": "", "Dockerfile": ""}, "static"),
    "files before a script": ({"index.html": "", "start.sh": ""}, "static"),
    "a script before a Dockerfile": ({"start.sh": "", "Dockerfile": ""}, "shell"),
    "start without a known kind": ({"x": "", ".deployd.toml": '[build]\nstart = "./x"'}, "procfile"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIRST)
def test_one_kind_makes_the_plan(case: str) -> None:
    files, builder = FIRST[case]
    assert planned(files).builder == builder


REASONS: dict[str, tuple[Files, str]] = {
    "a later kind": (
        {**GO, **NODE},
        'package.json is here too and not used: Go comes before Node, Bun and Deno; `build.builder = "node"`',
    ),
    "an earlier kind with nothing in it": (
        {"go.mod": "module x\n", **NODE}, "go.mod is here too and not used: Go found nothing in it that serves",
    ),
    "a Dockerfile": ({**GO, "Dockerfile": ""}, "Dockerfile is here too and not used: Go comes before Containers"),
    "a refusal that another takes over": (
        {"package.json": package(name="x"), **PYTHON}, "came first and cannot serve: package.json has no",
    ),
    "a Procfile": ({**GO, "Procfile": "web: bin/shop"}, "Procfile says what `web` runs."),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_what_else_was_seen_is_told_with_why_it_lost(case: str) -> None:
    files, reason = REASONS[case]
    assert any(reason in each for each in planned(files).reasons)


def test_files_that_belong_to_the_plan_are_not_told_as_unused() -> None:
    assert planned({**PHP, "package.json": ASSETS}).reasons[-1].startswith("package.json is there for the front end")
    gemfile = "source 'https://gems.example.org'\ngem 'jekyll'"
    assert planned({"_config.yml": "", "Gemfile": gemfile}).reasons == ()


def test_a_builder_can_be_insisted_on() -> None:
    assert planned({**GO, **PYTHON}, builder="python").builder == "python"
    assert planned({**NODE, "index.html": ""}, builder="static").static_root == "."


REFUSED: dict[str, tuple[Files, str, str]] = {
    "no such builder": (NODE, "nodejs", "`build.builder` is 'nodejs', which is no builder; there are: hugo, jekyll"),
    "nothing of that kind": (NODE, "go", "'go', and nothing of that kind is here. It knows: `go.mod`"),
    "commands that are not there": (NODE, "procfile", "nothing of that kind is here"),
    "docker": ({**NODE, "Dockerfile": ""}, "docker", "as its Dockerfile says, and that needs the docker runtime"),
    "docker without a file": (NODE, "docker", "nothing of that kind is here"),
    "only a Dockerfile": ({"Dockerfile": "", "x.c": ""}, "", "its Dockerfile says, and that needs the docker runtime"),
    "only a compose file": ({"docker-compose.yml": ""}, "", "its docker-compose.yml says"),
    "only a newer compose file": ({"compose.yaml": "", "Dockerfile": ""}, "", "its Dockerfile says"),
    "nothing": ({}, "", "Found: no files at all."),
    "nothing known": ({"README.md": "", "src/a.c": ""}, "", "Found: README.md, src."),
    "projects further down": (
        {"apps/web/package.json": "{}", "api/go.mod": "", "deep/er/and/deeper/go.mod": ""}, "",
        "There are projects in api, apps/web: name one as `build.root`.",
    ),
    "many files": ({f"{number:02}": "" for number in range(20)}, "", "09, 10, 11 and 8 more."),
    "a package.json that cannot serve beside a script": (
        {"package.json": package(name="x"), "start.sh": ""}, "", "package.json has no",
    ),
    "a package.json that cannot serve beside a Dockerfile": (
        {"package.json": package(name="x"), "Dockerfile": ""}, "", "package.json has no",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_built_is_refused_with_what_to_do(case: str) -> None:
    files, builder, sentence = REFUSED[case]
    with pytest.raises(BuildFailed) as refusal:
        planned(files, builder=builder)
    assert sentence in str(refusal.value)


def test_every_recipe_has_a_name_of_its_own_and_every_spoken_language_a_recipe() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert len(names) == len(set(names))
    assert SPOKEN.keys() <= set(names)


def test_a_plan_of_a_root_runs_there() -> None:
    for files in (GO, NODE, PYTHON, RUBY, PHP, {"Procfile": "web: x"}, {"start.sh": ""}):
        plan = planned({f"apps/api/{name}": text for name, text in files.items()}, root="apps/api")
        assert plan.root == "apps/api"
        assert plan.dependencies is None or plan.dependencies.at in ("apps/api", ".")
    assert planned({"site/index.html": ""}, root="site").static_root == "site"
