"""Guesses how a Python project without a Procfile is served: by what it depends on and what its files define."""

import re
from collections.abc import Iterator, Set

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

_USUAL = ("main.py", "app.py", "server.py", "api.py", "asgi.py", "wsgi.py", "application.py", "run.py")
_ASGI = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?(?:FastAPI|Starlette|Quart|Litestar)\(", re.M)
_FLASK = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?Flask\(", re.M)
_FACTORY = re.compile(r"^def (create_app|make_app)\(", re.M)
_MODULE = re.compile(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*\.py")
_MOST_FILES = 60


def guess_web(project: Project, packages: Set[str]) -> str:
    """BuildFailed with what to add when no guess is possible."""
    names = {name.partition("[")[0] for name in packages}
    if project.has("manage.py") and "django" in names:
        return _django(project, names)
    if names & {"fastapi", "starlette", "litestar", "quart"} and (app := _defined(project, _ASGI)):
        return _asgi(app, packages, names)
    if "flask" in names and (app := _defined(project, _FLASK)):
        return _flask(app, names)
    if "flask" in names and (app := _defined(project, _FACTORY)):
        return _flask(f"{app}()", names)
    if entry := project.first(*_USUAL):
        return f"python {entry}"
    raise BuildFailed("No web process found for this Python project: add a Procfile with a line `web: COMMAND`.")


def _django(project: Project, names: Set[str]) -> str:
    settings = sorted(name for name in project.files if name.endswith("/wsgi.py") and _MODULE.fullmatch(name))
    if "gunicorn" in names and settings:
        return f"gunicorn {_module(settings[0])}:application --bind 127.0.0.1:$PORT"
    return "python manage.py runserver 127.0.0.1:$PORT --noreload"


def _asgi(app: str, packages: Set[str], names: Set[str]) -> str:
    if "uvicorn" in names or packages & {"fastapi[standard]", "fastapi[all]"}:
        return f"uvicorn {app} --host 127.0.0.1 --port $PORT"
    if "hypercorn" in names:
        return f"hypercorn {app} --bind 127.0.0.1:$PORT"
    raise BuildFailed(f"Found the ASGI app {app} and no server for it: add uvicorn to the dependencies, or a Procfile.")


def _flask(app: str, names: Set[str]) -> str:
    if "gunicorn" in names:
        return (
            f"gunicorn '{app}' --bind 127.0.0.1:$PORT"
            if app.endswith("()")
            else f"gunicorn {app} --bind 127.0.0.1:$PORT"
        )
    return f"flask --app {app.removesuffix('()')} run --host 127.0.0.1 --port $PORT"


def _defined(project: Project, pattern: re.Pattern[str]) -> str | None:
    """`module:name` of the first match, the usual files first."""
    for name in _candidates(project):
        if found := pattern.search(project.read(name)):
            return f"{_module(name)}:{found[1]}"
    return None


def _candidates(project: Project) -> Iterator[str]:
    modules = [name for name in project.files if _MODULE.fullmatch(name) and name.count("/") <= 2]
    usual = {name: place for place, name in enumerate(_USUAL)}
    modules.sort(key=lambda name: (name.count("/"), usual.get(name.rpartition("/")[2], len(usual)), name))
    yield from modules[:_MOST_FILES]


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
