"""What a Python project runs as `web`, as a table: files in, command out."""

import pytest

from deployd.builders.python.frameworks import FRAMEWORKS
from deployd.builders.python.runners import RUNNERS
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.python.plans import Files, installs, planned

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "import flask\nsite: flask.Flask = flask.Flask(__name__)\n"
FACTORY = "from flask import Flask\n\n\ndef create_app(config=None):\n    app = Flask(__name__)\n    return app\n"
AIOHTTP = "from aiohttp import web\napp = web.Application()\n"
GUNICORN = "gunicorn {} --bind 127.0.0.1:$PORT --threads 4"
UVICORN = "uvicorn {} --host 127.0.0.1 --port $PORT"

WEB: dict[str, tuple[Files, str]] = {
    "fastapi": (
        {"requirements.txt": "fastapi\nuvicorn[standard]>=0.30\n", "main.py": FASTAPI},
        UVICORN.format("main:app"),
    ),
    "fastapi in a package, with its own server": (
        {"requirements.txt": "fastapi[standard]", "shop/__init__.py": "", "shop/main.py": FASTAPI, "tool.py": ""},
        UVICORN.format("shop.main:app"),
    ),
    "fastapi with hypercorn": (
        {"requirements.txt": "fastapi\nhypercorn", "main.py": FASTAPI},
        "hypercorn main:app --bind 127.0.0.1:$PORT",
    ),
    "fastapi with granian": (
        {"requirements.txt": "fastapi\ngranian", "main.py": FASTAPI},
        "granian --interface asgi --host 127.0.0.1 --port $PORT main:app",
    ),
    "fastapi made by a function": (
        {
            "requirements.txt": "fastapi\nuvicorn",
            "main.py": "import fastapi\ndef create_app() -> fastapi.FastAPI:\n  ...",
        },
        UVICORN.format("main:create_app") + " --factory",
    ),
    "fastapi below src": (
        {"requirements.txt": "fastapi\nuvicorn", "src/shop/__init__.py": "", "src/shop/api.py": FASTAPI},
        UVICORN.format("shop.api:app"),
    ),
    "fastapi in a folder that imports itself by name": (
        {"requirements.txt": "fastapi\nuvicorn", "app/main.py": "from app.db import x\n" + FASTAPI, "app/db.py": ""},
        UVICORN.format("app.main:app"),
    ),
    "fastapi in a folder whose files import each other": (
        {"requirements.txt": "fastapi\nuvicorn", "api/main.py": "from db import x\n" + FASTAPI, "api/db.py": ""},
        UVICORN.format("main:app"),
    ),
    "fastapi only in tests, and a script": (
        {"requirements.txt": "fastapi", "tests/main.py": FASTAPI, "server.py": "print()"},
        "python server.py",
    ),
    "starlette": (
        {
            "requirements.txt": "starlette\nuvicorn",
            "asgi.py": "from starlette.applications import Starlette\na = Starlette()",
        },
        UVICORN.format("asgi:a"),
    ),
    "litestar": (
        {"requirements.txt": "litestar[standard]", "app.py": "from litestar import Litestar\napp = Litestar([])"},
        UVICORN.format("app:app"),
    ),
    "quart brings hypercorn": (
        {"requirements.txt": "quart", "app.py": "from quart import Quart\napp = Quart(__name__)"},
        "hypercorn app:app --bind 127.0.0.1:$PORT",
    ),
    "fasthtml": (
        {"requirements.txt": "python-fasthtml", "main.py": "from fasthtml.common import *\napp = FastHTML()"},
        UVICORN.format("main:app"),
    ),
    "sanic": (
        {"requirements.txt": "sanic", "server.py": "from sanic import Sanic\napp = Sanic('x')"},
        "sanic server:app --host 127.0.0.1 --port $PORT",
    ),
    "blacksheep": (
        {
            "requirements.txt": "blacksheep\nuvicorn",
            "main.py": "from blacksheep import Application\napp = Application()",
        },
        UVICORN.format("main:app"),
    ),
    "falcon": (
        {"requirements.txt": "falcon\nwaitress", "app.py": "import falcon\napp = falcon.App()"},
        "waitress-serve --listen=127.0.0.1:$PORT app:app",
    ),
    "falcon for asgi": (
        {"requirements.txt": "falcon\nuvicorn", "app.py": "import falcon.asgi\napp = falcon.asgi.App()"},
        UVICORN.format("app:app"),
    ),
    "bottle": (
        {"requirements.txt": "bottle\ngunicorn", "app.py": "import bottle\napp = bottle.default_app()"},
        GUNICORN.format("app:app"),
    ),
    "dash": (
        {"requirements.txt": "dash\ngunicorn", "app.py": "from dash import Dash\napp = Dash()\nserver = app.server\n"},
        GUNICORN.format("app:server"),
    ),
    "aiohttp that does not ask for PORT": (
        {"requirements.txt": "aiohttp", "main.py": AIOHTTP + "web.run_app(app)"},
        "gunicorn main:app --bind 127.0.0.1:$PORT --worker-class aiohttp.GunicornWebWorker",
    ),
    "aiohttp that listens at PORT itself": (
        {
            "requirements.txt": "aiohttp",
            "main.py": AIOHTTP + "web.run_app(app, port=int(os.environ['PORT']))",
        },
        "python main.py",
    ),
    "flask with gunicorn": (
        {"requirements.txt": "Flask==3.1.3\ngunicorn", "site.py": FLASK},
        GUNICORN.format("site:site"),
    ),
    "flask with waitress": (
        {"requirements.txt": "flask\nwaitress", "app.py": FLASK},
        "waitress-serve --listen=127.0.0.1:$PORT app:site",
    ),
    "flask alone": ({"requirements.txt": "flask ; python_version > '3'", "app.py": FLASK}, GUNICORN.format("app:site")),
    "flask factory": (
        {"requirements.txt": "flask\ngunicorn", "shop/__init__.py": FACTORY},
        GUNICORN.format("'shop:create_app()'"),
    ),
    "flask factory with waitress": (
        {"requirements.txt": "flask\nwaitress", "shop/__init__.py": FACTORY},
        "waitress-serve --listen=127.0.0.1:$PORT --call shop:create_app",
    ),
    "a factory that wants arguments is not taken": (
        {"requirements.txt": "flask", "shop/__init__.py": "import flask\ndef create_app(config):\n  ...", "run.py": ""},
        "python run.py",
    ),
    "an object made by the factory goes before it": (
        {
            "requirements.txt": "flask",
            "shop/__init__.py": FACTORY,
            "wsgi.py": "from shop import create_app\napp = create_app()",
        },
        GUNICORN.format("wsgi:app"),
    ),
    "wsgi.py that passes the object on": (
        {"requirements.txt": "flask", "wsgi.py": "from shop import app as application", "shop/__init__.py": FLASK},
        GUNICORN.format("wsgi:application"),
    ),
    "django": (
        {"requirements.txt": "Django\ngunicorn", "manage.py": "", "shop/wsgi.py": ""},
        GUNICORN.format("shop.wsgi:application"),
    ),
    "django alone": (
        {"requirements.txt": "django", "manage.py": "", "shop/wsgi.py": "", "shop/asgi.py": ""},
        GUNICORN.format("shop.wsgi:application"),
    ),
    "django with uvicorn only": (
        {"requirements.txt": "django\nuvicorn", "manage.py": "", "shop/wsgi.py": "", "shop/asgi.py": ""},
        UVICORN.format("shop.asgi:application"),
    ),
    "django with daphne": (
        {
            "requirements.txt": "django\nchannels[daphne]\ndaphne",
            "manage.py": "",
            "shop/wsgi.py": "",
            "shop/asgi.py": "",
        },
        "daphne -b 127.0.0.1 -p $PORT shop.asgi:application",
    ),
    "django in a folder": (
        {"requirements.txt": "django", "backend/manage.py": "", "backend/shop/wsgi.py": ""},
        GUNICORN.format("shop.wsgi:application"),
    ),
    "django with two sites": (
        {
            "requirements.txt": "django",
            "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'web.settings')",
            "admin/wsgi.py": "",
            "web/wsgi.py": "",
        },
        GUNICORN.format("web.wsgi:application"),
    ),
    "streamlit": (
        {"requirements.txt": "streamlit", "app.py": "import streamlit as st", "other.py": "import streamlit"},
        "streamlit run app.py --server.port $PORT --server.address 127.0.0.1 --server.headless true "
        "--browser.gatherUsageStats false",
    ),
    "gradio": (
        {
            "requirements.txt": "gradio",
            "demo.py": "import gradio as gr\ngr.Interface().launch()",
            "a.py": "import gradio",
        },
        "GRADIO_SERVER_PORT=$PORT GRADIO_SERVER_NAME=127.0.0.1 python demo.py",
    ),
    "chainlit": (
        {"requirements.txt": "chainlit", "app.py": "import chainlit"},
        "chainlit run app.py --host 127.0.0.1 --port $PORT --headless",
    ),
    "panel": (
        {"requirements.txt": "panel", "app.py": "import panel as pn\npn.Row().servable()"},
        "panel serve app.py --address 127.0.0.1 --port $PORT",
    ),
    "gradio mounted in fastapi": (
        {"requirements.txt": "gradio\nfastapi", "main.py": FASTAPI + "import gradio\n"},
        UVICORN.format("main:app"),
    ),
    "plain script": ({"requirements.txt": "", "main.py": "print()"}, "python main.py"),
    "plain script without any manifest": ({"server.py": "print()"}, "python server.py"),
    "plain script in src": (
        {"requirements.txt": "", "src/main.py": "import db", "src/db.py": ""},
        "python src/main.py",
    ),
    "a package that can be run": ({"requirements.txt": "", "shop/__main__.py": ""}, "python -m shop"),
    "the one command that a project installs": (
        {
            "pyproject.toml": '[project]\nname="shop"\ndependencies=["x"]\n'
            'scripts={shop-serve="shop:main"}\n[build-system]\n',
            "src/shop/__init__.py": "",
        },
        "shop-serve",
    ),
    "pyproject": (
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["fastapi", "uvicorn"]', "app.py": FASTAPI},
        UVICORN.format("app:app"),
    ),
}


@pytest.mark.parametrize("case", WEB)
def test_the_web_process_is_found(case: str) -> None:
    files, web = WEB[case]
    plan = planned(files)
    assert (plan.builder, plan.processes["web"], plan.static_root) == ("python", web, None)


def test_every_framework_that_is_told_of_is_found_by_some_row() -> None:
    told = " ".join(reason for files, _ in WEB.values() for reason in planned(files).reasons)
    assert [each.title for each in (*FRAMEWORKS, *RUNNERS) if f"{each.title} " not in told] == []


SERVERS: dict[str, tuple[Files, tuple[str, ...]]] = {
    "asgi": ({"requirements.txt": "fastapi", "main.py": FASTAPI}, ("uv pip install --python .venv 'uvicorn>=0.30'",)),
    "wsgi": ({"requirements.txt": "flask", "main.py": FLASK}, ("uv pip install --python .venv 'gunicorn>=23'",)),
    "brought": ({"requirements.txt": "flask\nGunicorn", "main.py": FLASK}, ()),
    "brought by an extra": ({"requirements.txt": "fastapi[all]", "main.py": FASTAPI}, ()),
    "not needed": ({"requirements.txt": "streamlit", "app.py": "import streamlit"}, ()),
}


@pytest.mark.parametrize("case", SERVERS)
def test_a_server_is_added_only_when_the_app_brings_none_and_that_is_told(case: str) -> None:
    files, added = SERVERS[case]
    plan = planned(files)
    assert installs(plan)[1:] == added
    assert any("is added to its packages" in reason for reason in plan.reasons) is bool(added)


def test_a_declared_web_process_brings_its_own_server() -> None:
    plan = planned({"requirements.txt": "flask", "main.py": FLASK}, {"web": "flask run"})
    assert plan.processes == {"web": "flask run"}
    assert installs(plan) == ("uv pip install --python .venv -r requirements.txt",)


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"requirements.txt": "fastapi", "src/shop/__init__.py": "", "src/shop/api.py": FASTAPI}, "src"),
        ({"requirements.txt": "django", "backend/manage.py": "", "backend/shop/wsgi.py": ""}, "backend"),
        ({"requirements.txt": "", "src/main.py": ""}, "src"),
    ],
)
def test_modules_in_a_folder_of_their_own_are_found_by_pythonpath(files: Files, path: str) -> None:
    assert planned(files).env == {"PYTHONPATH": path}


def test_modules_at_the_top_need_no_pythonpath() -> None:
    assert planned({"requirements.txt": "", "main.py": ""}).env == {}


def test_streamlit_tells_where_it_is_asked_whether_it_is_well() -> None:
    assert planned({"requirements.txt": "streamlit", "app.py": "import streamlit"}).health == "/_stcore/health"


def test_a_worker_beside_a_guessed_web_process_keeps_both() -> None:
    plan = planned({"requirements.txt": "", "main.py": ""}, {"worker": "python work.py"})
    assert plan.processes == {"web": "python main.py", "worker": "python work.py"}


def test_a_worker_alone_is_enough_when_nothing_serves() -> None:
    plan = planned({"requirements.txt": ""}, {"worker": "python work.py"})
    assert plan.processes == {"worker": "python work.py"}
    assert "No web process is declared or found." in plan.reasons


REFUSED: dict[str, tuple[Files, str]] = {
    "nothing that could run": ({"requirements.txt": ""}, "add a Procfile with a line `web: COMMAND`"),
    "an app and no word on packages": ({"main.py": FASTAPI}, "add a requirements.txt"),
    "conda": ({"environment.yml": "", "main.py": ""}, "environment.yml is for conda"),
    "broken pyproject": ({"pyproject.toml": "="}, "pyproject.toml cannot be read"),
    "broken Pipfile": ({"Pipfile": "="}, "Pipfile cannot be read"),
    "broken package.json": (
        {"requirements.txt": "", "main.py": "", "package.json": "{"},
        "package.json cannot be read",
    ),
    "UTF-16": ({"requirements.txt": "f\0l\0a\0s\0k\0", "main.py": ""}, "save it as UTF-8"),
    "a lockfile alone": ({"Pipfile.lock": "{}", "main.py": ""}, "without its Pipfile"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_built_is_refused_with_what_to_change(case: str) -> None:
    files, sentence = REFUSED[case]
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)
