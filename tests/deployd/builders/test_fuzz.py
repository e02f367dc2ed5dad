"""Detection answers every project with a plan or a reason, whatever its files hold."""

import json

from hypothesis import given, settings
from hypothesis import strategies as some

from deployd.builders.detect import RECIPES, detect
from deployd.builders.project import Project
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

NAMES = sorted(
    {
        *(mark for recipe in RECIPES for mark in recipe.marks if "*" not in mark),
        ".deployd.toml", ".nvmrc", ".python-version", ".ruby-version", ".tool-versions", ".yarnrc.yml", "Cargo.toml",
        "Gemfile", "Gemfile.lock", "Pipfile", "Procfile", "angular.json", "app.json", "app.py", "composer.json",
        "deno.json", "go.mod", "index.html", "index.php", "main.go", "main.py", "manage.py", "mise.toml", "mix.exs",
        "mkdocs.yml", "nx.json", "package-lock.json", "package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml",
        "poetry.lock", "pyproject.toml", "requirements.txt", "setup.cfg", "setup.py", "src/main.rs", "tsconfig.json",
        "uv.lock", "yarn.lock",
    }
)  # fmt: skip
WORDS = some.sampled_from(
    [
        "name", "version", "scripts", "start", "build", "dependencies", "workspaces", "packages", "engines", "node",
        "env", "project", "tool", "poetry", "python", "requires-python", "package", "bin", "members", "require", "php",
        "processes", "web", "next", "vite", "express", "flask", "django", "fastapi", "pnpm@9", "1.2.3", ">=20 <23",
        "^3.11", "~> 1.0", "9" * 5_000, "*", "", "root", "..", "tools", "projects", "targets", "[[", "{{",
        "'", '"', "\0", "\u2028", "é",
    ]
)  # fmt: skip
VALUES = some.recursive(
    WORDS | some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
LINES = some.lists(some.lists(WORDS, max_size=4).map(" = ".join) | some.text(max_size=20), max_size=6).map("\n".join)
NESTED = some.builds(
    lambda opener, count: f"a = {opener * count}",
    some.sampled_from("[{(\"'`*&-"),
    some.sampled_from([3, 5_000, 100_000]),
)
TEXTS = VALUES.map(json.dumps) | LINES | NESTED | NESTED.map(lambda text: text.removeprefix("a = "))


@settings(max_examples=100, deadline=None)
@given(some.dictionaries(some.sampled_from(NAMES), TEXTS, min_size=1, max_size=5))
def test_every_project_gets_a_plan_or_a_reason(files: dict[str, str]) -> None:
    project = Project(files=frozenset(files), read=files.__getitem__)
    try:
        answer: object = detect(project, BuildWishes())
    except BuildFailed as refusal:
        answer = refusal
    assert isinstance(answer, BuildPlan) or str(answer)
