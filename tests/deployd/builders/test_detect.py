"""Detection as a table: files in, plan out."""

import json
from collections.abc import Mapping

import pytest

from deployd.builders.detect import detect
from deployd.builders.procfile import parse_procfile
from deployd.builders.project import Project
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

Files = dict[str, str]


def planned(files: Files, commands: Mapping[str, str] | None = None) -> BuildPlan:
    return detect(Project(files=frozenset(files), read=files.__getitem__), BuildWishes(commands=dict(commands or {})))


def package(**fields: object) -> str:
    return json.dumps(fields)


START = {"start": "node server.js"}
NPM_CI = "npm ci --include=dev --prefer-offline --no-audit --no-fund --loglevel=warn"
NPM_INSTALL = "npm install --include=dev --no-package-lock --no-audit --no-fund --loglevel=warn"
NPM_PRUNE = "npm prune --omit=dev --no-audit --no-fund --loglevel=warn"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "import flask\nsite: flask.Flask = flask.Flask(__name__)\n"

PROCESSES: dict[str, tuple[Files, str, str]] = {
    "start script that is only node": ({"package.json": package(scripts=START)}, "node", "node server.js"),
    "start script with more in it": (
        {"package.json": package(scripts={"start": "NODE_ENV=x node a.js"})}, "node", "npm start",
    ),
    "start script with a prestart": (
        {"package.json": package(scripts={**START, "prestart": "echo"})}, "node", "npm start",
    ),
    "main": ({"package.json": package(main="./src/app.js"), "src/app.js": ""}, "node", "node src/app.js"),
    "main without ending": ({"package.json": package(main="run"), "run.js": ""}, "node", "node run.js"),
    "npm's own default": ({"package.json": "{}", "server.js": ""}, "node", "node server.js"),
    "byte order mark": ({"package.json": "\ufeff{}", "server.js": ""}, "node", "node server.js"),
    "vite with a server of its own": (
        {"package.json": package(scripts={**START, "build": "vite build"}, devDependencies={"vite": "8"})},
        "node", "node server.js",
    ),
    "procfile in a node project": (
        {"package.json": package(scripts=START), "Procfile": "web: node other.js"}, "node", "node other.js",
    ),
    "fastapi": (
        {"requirements.txt": "fastapi\nuvicorn[standard]>=0.30\n", "main.py": FASTAPI}, "python",
        "uvicorn main:app --host 127.0.0.1 --port $PORT",
    ),
    "fastapi in a package, with its own server": (
        {"requirements.txt": "fastapi[standard]", "shop/__init__.py": "", "shop/main.py": FASTAPI, "tool.py": ""},
        "python", "uvicorn shop.main:app --host 127.0.0.1 --port $PORT",
    ),
    "flask with gunicorn": (
        {"requirements.txt": "Flask==3.1.3\ngunicorn", "site.py": FLASK}, "python",
        "gunicorn site:site --bind 127.0.0.1:$PORT",
    ),
    "flask alone": (
        {"requirements.txt": "flask ; python_version > '3'", "app.py": "from flask import Flask\napp = Flask('x')"},
        "python", "flask --app app:app run --host 127.0.0.1 --port $PORT",
    ),
    "flask factory": (
        {"requirements.txt": "flask\ngunicorn", "shop/__init__.py": "def create_app():\n  ..."}, "python",
        "gunicorn 'shop:create_app()' --bind 127.0.0.1:$PORT",
    ),
    "django": (
        {"requirements.txt": "Django\ngunicorn", "manage.py": "", "shop/wsgi.py": ""}, "python",
        "gunicorn shop.wsgi:application --bind 127.0.0.1:$PORT",
    ),
    "django with assets of node": (
        {"requirements.txt": "django", "manage.py": "", "package.json": package(scripts=START)}, "python",
        "python manage.py runserver 127.0.0.1:$PORT --noreload",
    ),
    "python served beside a package.json": (
        {"requirements.txt": "", "package.json": "{}", "Procfile": "web: gunicorn a:b"}, "python", "gunicorn a:b",
    ),
    "plain python": ({"requirements.txt": "", "main.py": "print()"}, "python", "python main.py"),
    "pyproject": (
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["fastapi", "uvicorn"]', "app.py": FASTAPI}, "python",
        "uvicorn app:app --host 127.0.0.1 --port $PORT",
    ),
    "procfile alone": ({"Procfile": "web: ./serve\n", "serve": ""}, "procfile", "./serve"),
    "procfile beside an index": ({"Procfile": "web: ./serve\n", "index.html": ""}, "procfile", "./serve"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROCESSES)
def test_the_web_process_is_found(case: str) -> None:
    files, builder, web = PROCESSES[case]
    plan = planned(files)
    assert (plan.builder, plan.processes["web"], plan.static_root) == (builder, web, None)


VITE = package(scripts={"build": "vite build"}, devDependencies={"vite": "8"})
STATIC: dict[str, tuple[Files, str, bool]] = {
    "index": ({"index.html": "", "style.css": ""}, ".", False),
    "public": ({"public/index.html": "", "README.md": ""}, "public", False),
    "dist": ({"dist/index.html": ""}, "dist", False),
    "vite with one page": ({"package.json": VITE, "index.html": ""}, "dist", True),
    "vite with two pages": ({"package.json": VITE, "index.html": "", "other.html": ""}, "dist", False),
    "vite with its own 404": ({"package.json": VITE, "index.html": "", "public/404.html": ""}, "dist", False),
    "vite into another folder": (
        {"package.json": VITE, "index.html": "", "vite.config.ts": "build: { outDir: './out/www' }"}, "out/www", True,
    ),
    "vite out of the project": (
        {"package.json": VITE, "index.html": "", "vite.config.ts": "build: { outDir: '../www' }"}, "dist", True,
    ),
    "create-react-app, whose start is for development": (
        {
            "package.json": package(
                scripts={"build": "react-scripts build", "start": "react-scripts start"},
                dependencies={"react-scripts": "5"},
            ),
            "public/index.html": "",
        },
        "build", True,
    ),
    "astro": ({"package.json": package(scripts={"build": "astro build"}, dependencies={"astro": "5"})}, "dist", False),
    "next exported": (
        {
            "package.json": package(scripts={"build": "next build"}, dependencies={"next": "15"}),
            "next.config.js": "module.exports = { output: 'export' }",
        },
        "out", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STATIC)
def test_the_static_folder_is_found(case: str) -> None:
    files, root, spa = STATIC[case]
    plan = planned(files)
    assert (plan.static_root, plan.spa, plan.processes) == (root, spa, {})


REFUSED: dict[str, tuple[Files, str]] = {
    "nothing": ({}, "Found: no files at all"),
    "nothing known": ({"README.md": "", "src/a.rs": ""}, "Found: README.md, src"),
    "broken package.json": ({"package.json": "{"}, "package.json cannot be read"),
    "package.json of another shape": ({"package.json": '{"scripts": []}'}, "package.json cannot be read"),
    "package without start": ({"package.json": package(name="x")}, "add a `start` script"),
    "broken pyproject": ({"pyproject.toml": "="}, "pyproject.toml cannot be read"),
    "pyproject without a project": ({"pyproject.toml": "[tool.ruff]"}, r"no \[project\] table"),
    "asgi without a server": ({"requirements.txt": "fastapi", "main.py": FASTAPI}, "add uvicorn"),
    "python without an entry": ({"requirements.txt": ""}, "add a Procfile"),
    "procfile line without a command": ({"Procfile": "web: x\nworker:"}, "Line 2 of Procfile"),
    "procfile name twice": ({"Procfile": "web: x\nweb: y"}, "second time"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_built_is_refused_with_what_to_change(case: str) -> None:
    files, sentence = REFUSED[case]
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)


def test_a_lockfile_is_followed_and_development_packages_go_after_the_build() -> None:
    files = {
        "package.json": package(scripts={**START, "build": "tsc"}, devDependencies={"typescript": "5"}),
        "package-lock.json": "{}",
    }
    assert planned(files).steps == (NPM_CI, "npm run build", NPM_PRUNE)


def test_packages_without_a_lockfile_are_installed_and_a_foreign_lockfile_is_told() -> None:
    plan = planned({"package.json": package(scripts=START, dependencies={"express": "5"}), "yarn.lock": ""})
    assert plan.steps == (NPM_INSTALL,)
    assert "yarn.lock is not used yet" in plan.why


def test_a_project_without_packages_installs_nothing() -> None:
    assert planned({"package.json": package(scripts=START)}).steps == ()


def test_the_apps_own_commands_win_over_the_procfile() -> None:
    files = {"Procfile": "web: ./serve\nworker: ./work\nrelease: ./migrate"}
    plan = planned(files, {"web": "./other", "clock": "./tick"})
    assert plan.processes == {"web": "./other", "worker": "./work", "release": "./migrate", "clock": "./tick"}


def test_a_worker_beside_a_guessed_web_process_keeps_both() -> None:
    plan = planned({"requirements.txt": "", "main.py": "", "Procfile": "worker: python work.py"})
    assert plan.processes == {"web": "python main.py", "worker": "python work.py"}


@pytest.mark.parametrize(
    ("requirements", "reused"),
    [
        ("flask==3.1.3\n# why\ngunicorn[gevent] == 23.0 ; python_version > '3' # why\n", True),
        ("flask==3.1.3\ngunicorn\n", False),
        ("flask==3.*\n", False),
        ("flask>=3\n", False),
        ("-r other.txt\n", False),
        ("shop @ git+https://example.com/shop@main\n", False),
    ],
)
def test_an_environment_is_kept_only_when_every_version_is_pinned(requirements: str, reused: bool) -> None:
    steps = planned({"requirements.txt": requirements, "main.py": ""}).steps
    assert ("cp -a" in steps[0]) is reused
    assert "uv pip install --python .venv -r requirements.txt" in steps[1]


def test_another_pin_means_another_environment() -> None:
    plans = [planned({"requirements.txt": f"flask==3.1.{number}", "main.py": ""}) for number in (2, 3)]
    assert plans[0].steps != plans[1].steps


def test_a_uv_lock_is_followed_and_the_project_installed_when_it_is_a_package() -> None:
    text = '[project]\nname = "x"\n[build-system]\nrequires = ["hatchling"]'
    steps = planned({"pyproject.toml": text, "uv.lock": "", "main.py": ""}).steps
    assert "uv sync --frozen --no-dev --no-install-project" in steps[1]
    assert steps[3:] == ("uv pip install --python .venv --no-deps .",)


def test_a_procfile_may_hold_comments_and_empty_lines() -> None:
    assert parse_procfile("# what runs\n\nweb : a: b # c\r\n") == {"web": "a: b # c"}
