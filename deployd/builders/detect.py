"""Decides from a project's files how it is built and run: a new kind is one recipe and a place in RECIPES."""

import re
from collections.abc import Sequence

import msgspec

from deployd.builders import container, procfile, shell
from deployd.builders.languages import elixir, go, java, php, ruby, rust
from deployd.builders.node import recipe as node
from deployd.builders.overrides import declare
from deployd.builders.project import Declared, Project, Recipe
from deployd.builders.python import docs_site
from deployd.builders.python import recipe as python
from deployd.builders.readable import readable
from deployd.builders.static import hugo, jekyll
from deployd.builders.static import recipe as static
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

RECIPES: tuple[Recipe, ...] = (
    hugo.RECIPE,
    jekyll.RECIPE,
    php.RECIPE,
    go.RECIPE,
    java.RECIPE,
    rust.RECIPE,
    ruby.RECIPE,
    elixir.RECIPE,
    node.RECIPE,
    docs_site.RECIPE,
    python.RECIPE,
    procfile.RECIPE,
    static.RECIPE,
    shell.RECIPE,
    container.RECIPE,
)
"""The first that knows the project makes the plan, unless the command of `web` speaks another's language."""

SPOKEN: dict[str, tuple[str, ...]] = {
    "python": (
        "python", "uvicorn", "gunicorn", "hypercorn", "granian", "flask", "fastapi", "daphne", "waitress-serve",
        "streamlit", "gradio", "uv", "poetry", "pdm", "pipenv", "litestar", "django-admin", "celery",
    ),
    "node": ("node", "npm", "npx", "yarn", "pnpm", "bun", "bunx", "deno", "tsx", "ts-node", "next", "nuxt", "nest"),
    "ruby": ("ruby", "bundle", "rails", "bin/rails", "rackup", "puma", "rake"),
    "php": ("php", "vendor/bin/heroku-php-apache2", "vendor/bin/heroku-php-nginx", "composer"),
    "java": ("java", "mvn", "./mvnw", "gradle", "./gradlew"),
    "elixir": ("mix", "elixir", "iex"),
    "rust": ("cargo", "target/release/", "./target/release/"),
    "go": ("go",),
}  # fmt: skip
"""The first words of a `web` command that tell which kind of project serves when several kinds are here."""

_TAKES_OVER = frozenset({"php", "go", "java", "rust", "ruby", "elixir", "node", "python", "docs"})
"""May make the plan when an earlier kind was found and cannot serve. Files alone may not: they would serve sources."""

_PREFIX = re.compile(r"(?:(?:exec|env)\s+|[A-Za-z_]\w*=\S*\s+)*")
_MOST_SHOWN = 12
_LONGEST_VERSION = 400


def detect(project: Project, wishes: BuildWishes) -> BuildPlan:
    """BuildFailed when nothing fits, when what fits cannot be built, and when a required variable is not set."""
    with readable(project) as watched:
        return _checked(_detect(watched, wishes))


def _detect(project: Project, wishes: BuildWishes) -> BuildPlan:
    view, declared = declare(project, wishes)
    if declared.settings.builder:
        recipe, plan = _named(view, declared)
        lost: list[str] = []
    else:
        recipe, plan, lost = _first(view, declared)
    seen = _seen(view, recipe, plan)
    return msgspec.structs.replace(
        plan,
        reasons=(*plan.reasons, *declared.reasons, *lost, *seen),
        env={**plan.env, **{name: value for name, value in declared.env.items() if name not in wishes.env_names}},
    )


def _checked(plan: BuildPlan) -> BuildPlan:
    """What reads it later, in deployd itself, takes no endless words."""
    for tool in plan.tools:
        if len(tool.wanted) > _LONGEST_VERSION:
            raise BuildFailed(f"The version of {tool.name} that is asked for is longer than any: {tool.wanted[:60]!r}…")
    return plan


def _named(project: Project, declared: Declared) -> tuple[Recipe, BuildPlan]:
    name = declared.settings.builder
    recipe = next((one for one in RECIPES if one.name == name), None)
    if recipe is None:
        known = ", ".join(one.name for one in RECIPES)
        raise BuildFailed(f"`build.builder` is {name!r}, which is no builder; there are: {known}.")
    plan = recipe.detect(project, declared)
    if plan is None:
        looked_for = "; ".join(row.what for row in recipe.rows)
        raise BuildFailed(f"`build.builder` is {name!r}, and nothing of that kind is here. It knows: {looked_for}.")
    return recipe, plan


def _first(project: Project, declared: Declared) -> tuple[Recipe, BuildPlan, list[str]]:
    refusals: list[tuple[Recipe, BuildFailed]] = []
    files: tuple[Recipe, BuildPlan] | None = None
    for recipe in _ordered(project, declared):
        if (refusals or files) and recipe.name not in _TAKES_OVER:
            continue
        try:
            plan = recipe.detect(project, declared)
        except BuildFailed as refusal:
            refusals.append((recipe, refusal))
            continue
        if plan is None:
            continue
        if not _serves_files_alone(plan) or declared.settings.output is not None:
            return recipe, plan, [f"{one.title} came first and cannot serve: {said}" for one, said in refusals]
        files = files or (recipe, plan)
    if files:
        return *files, []
    if refusals:
        raise refusals[0][1]
    raise BuildFailed(_nothing_fits(project))


def _serves_files_alone(plan: BuildPlan) -> bool:
    """Then the page that was found may belong to a server that comes later."""
    return plan.static_root is not None and not plan.steps


def _ordered(project: Project, declared: Declared) -> Sequence[Recipe]:
    first = _speaks(declared.processes.get("web", "")) or ("python" if project.has("manage.py") else None)
    return sorted(RECIPES, key=lambda recipe: recipe.name != first)


def _speaks(command: str) -> str | None:
    command = command[_PREFIX.match(command).end() :]  # type: ignore[union-attr]
    word = command.split(None, 1)[0] if command else ""
    for name, words in SPOKEN.items():
        if word in words or any(each.endswith("/") and word.startswith(each) for each in words):
            return name
    return "python" if re.fullmatch(r"python[\d.]+", word) else None


def _seen(project: Project, chosen: Recipe, plan: BuildPlan) -> list[str]:
    """A sentence for each other kind whose files are here, unless the plan has spoken of them."""
    told = " ".join((plan.why, *plan.reasons))
    names = [recipe.name for recipe in RECIPES]
    reasons = []
    for recipe in RECIPES:
        mark = project.first(*recipe.marks)
        if recipe is chosen or mark is None or mark in told or mark in chosen.marks:
            continue
        if names.index(recipe.name) > names.index(chosen.name):
            why = f"{chosen.title} comes before {recipe.title}"
        else:
            why = f"{recipe.title} found nothing in it that serves"
        reasons.append(f'{mark} is here too and not used: {why}; `build.builder = "{recipe.name}"` insists on it.')
    return reasons


def _nothing_fits(project: Project) -> str:
    shown = sorted({name.split("/", 1)[0] for name in project.files})
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    below = _projects_below(project)
    hint = f" There are projects in {', '.join(below)}: name one as `build.root`." if below else ""
    return (
        "Nothing here says how to run this project: add an index.html, package.json, requirements.txt, "
        f"pyproject.toml or Procfile. Found: {', '.join(shown[:_MOST_SHOWN]) or 'no files at all'}{more}.{hint}"
    )


def _projects_below(project: Project) -> list[str]:
    marks = {"index.html", *(mark for recipe in RECIPES for mark in recipe.marks)}
    found = {name.rpartition("/")[0] for name in project.files if name.rpartition("/")[2] in marks}
    return sorted(folder for folder in found if folder and folder.count("/") < 2)[:5]
