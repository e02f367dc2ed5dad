"""The rest of a Python plan: steps in their order, releases, assets, and what its owner says instead."""

import json

import pytest

from deployd.builders.python.rows import ROWS
from deployd.domain.build import Tool
from tests.deployd.builders.python.plans import Files, found, installs, planned

DJANGO = {
    "requirements.txt": "django==5.2\ngunicorn==23.0.0",
    "manage.py": "",
    "shop/wsgi.py": "",
    "shop/settings.py": "STATIC_ROOT = BASE_DIR / 'static'\n",
}
COLLECT = ".venv/bin/python manage.py collectstatic --noinput"
MIGRATE = "python manage.py migrate --noinput"
TAILWIND = {"package.json": json.dumps({"scripts": {"build": "tailwindcss"}, "engines": {"node": ">=20"}})}
QUIET = "--no-audit --no-fund --loglevel=warn"
IN_VENV = 'export PATH="$PWD/.venv/bin:$PATH"; '


def test_a_django_project_collects_its_files_and_migrates_before_the_switch() -> None:
    plan = planned(DJANGO)
    assert plan.steps == (COLLECT,)
    assert plan.processes["release"] == MIGRATE
    assert "Migrations run as `release`, before the switch." in plan.reasons


@pytest.mark.parametrize(
    ("file", "text", "collected"),
    [
        ("shop/settings.py", "STATIC_ROOT: Path = here\n", True),
        ("shop/settings/production.py", "if True:\n    STATIC_ROOT = 'x'\n", True),
        ("settings_live.py", "STATIC_ROOT = 'x'\n", True),
        ("shop/settings.py", "# STATIC_ROOT = 'x'\n", False),
        ("shop/settings.py", "STATIC_ROOT = None\n", False),
        ("shop/settings.py", "", False),
        ("shop/other.py", "STATIC_ROOT = 'x'\n", False),
    ],
)
def test_files_are_collected_only_when_a_setting_says_where(file: str, text: str, collected: bool) -> None:
    plan = planned({"requirements.txt": "django", "manage.py": "", "shop/wsgi.py": "", file: text})
    assert plan.steps == ((COLLECT,) if collected else ())


def test_whoever_says_what_web_runs_says_what_is_released() -> None:
    assert planned(DJANGO, {"web": "gunicorn a:b"}).processes == {"web": "gunicorn a:b"}
    assert planned(DJANGO, {"release": "true"}).processes["release"] == "true"


def test_the_assets_of_node_are_built_before_they_are_collected() -> None:
    plan = planned({**DJANGO, **TAILWIND, "package-lock.json": "{}"})
    assert plan.steps == (
        f"npm ci --include=dev {QUIET}",
        "npm run build",
        COLLECT,
        f"npm prune --omit=dev {QUIET}",
    )
    assert plan.tools == (Tool(name="python"), Tool(name="node", wanted=">=20"))
    assert any("Python serves" in reason for reason in plan.reasons)


@pytest.mark.parametrize(
    ("lockfile", "tools", "first"),
    [
        ("pnpm-lock.yaml", ("python", "node", "pnpm"), "pnpm install --frozen-lockfile"),
        ("yarn.lock", ("python", "node", "yarn"), "yarn install --frozen-lockfile"),
        ("bun.lock", ("python", "node", "bun"), "bun install --frozen-lockfile"),
        ("README.md", ("python", "node"), f"npm install --include=dev --no-package-lock {QUIET}"),
    ],
)
def test_the_lockfile_of_the_assets_says_who_installs_them(lockfile: str, tools: tuple[str, ...], first: str) -> None:
    plan = planned({**DJANGO, **TAILWIND, lockfile: ""})
    assert tuple(tool.name for tool in plan.tools) == tools
    assert plan.steps[0] == first


def test_a_package_json_without_a_build_script_is_left_alone_and_that_is_told() -> None:
    plan = planned({**DJANGO, "package.json": "{}"})
    assert plan.steps == (COLLECT,)
    assert "package.json has no `build` script, so nothing of Node is run." in plan.reasons


def test_the_owners_install_command_replaces_ours_and_finds_the_environment() -> None:
    plan = planned(DJANGO, install="pip install .")
    assert installs(plan) == (f"{IN_VENV}pip install .",)
    assert plan.dependencies is not None
    assert not plan.dependencies.reusable


def test_an_empty_install_command_leaves_packages_out() -> None:
    assert installs(planned({"requirements.txt": "flask", "main.py": ""}, install="")) == ()


def test_the_owners_build_command_replaces_ours_and_an_empty_one_leaves_it_out() -> None:
    assert planned(DJANGO, build="make").steps == (f"{IN_VENV}make",)
    assert planned(DJANGO, build="").steps == ()


def test_a_named_output_folder_is_served_without_a_process() -> None:
    plan = planned({"requirements.txt": "pelican"}, build="pelican content", output="out", spa=True)
    assert (plan.static_root, plan.spa, plan.processes) == ("out", True, {})


def test_in_a_folder_of_the_repository_all_names_are_relative_to_the_repository() -> None:
    files = {f"api/{name}": text for name, text in {"requirements.txt": "flask==3.1.3", "main.py": ""}.items()}
    plan = planned(files, root="api")
    assert plan.root == "api"
    assert plan.dependencies is not None
    assert (plan.dependencies.at, plan.dependencies.folders) == ("api", ("api/.venv",))
    assert plan.dependencies.inputs == ("api/requirements.txt",)


NOT_PYTHON: dict[str, Files] = {
    "nothing": {},
    "a page with a script beside it": {"index.html": "", "app.py": ""},
    "node with a script beside it": {"package.json": "{}", "main.py": ""},
    "tools only": {"pyproject.toml": "[tool.ruff]"},
}


@pytest.mark.parametrize("case", NOT_PYTHON)
def test_what_is_no_python_project_is_left_to_others(case: str) -> None:
    assert found(NOT_PYTHON[case]) is None


def test_a_script_is_left_to_the_procfile_that_names_it() -> None:
    assert found({"main.py": ""}, {"web": "python main.py"}) is None
    assert planned({"main.py": ""}, {"web": "python main.py"}, builder="python").processes["web"] == "python main.py"


def test_every_sentence_for_people_ends_like_one() -> None:
    plans = [planned(DJANGO), planned({**DJANGO, **TAILWIND}), planned({"main.py": ""}), planned(DJANGO, install="")]
    assert [said for plan in plans for said in (plan.why, *plan.reasons) if not said.endswith(".")] == []
    assert all(row.what and row.how for row in ROWS)
