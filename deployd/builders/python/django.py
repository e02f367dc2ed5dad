"""Django: where its settings and its wsgi or asgi module are, what is collected, and how it is migrated and served."""

import re
from collections.abc import Set
from dataclasses import dataclass

from deployd.builders.project import Project
from deployd.builders.python.frameworks import Kind
from deployd.builders.python.modules import dotted
from deployd.builders.python.servers import Serving, serve

_STATIC_ROOT = re.compile(r"^[ \t]*STATIC_ROOT[ \t]*(?::[^=\n]+)?=\s*(?!None\b)\S", re.M)
_ASYNC_ONLY = {"daphne", "channels", "uvicorn", "hypercorn", "granian"}
_WSGI_SERVERS = {"gunicorn", "waitress"}


@dataclass(frozen=True, kw_only=True)
class Django:
    """`path` is the folder of manage.py, empty when it is the project's own."""

    path: str
    serving: Serving
    collect: str
    migrate: str
    reasons: tuple[str, ...]


def find_django(project: Project, packages: Set[str]) -> Django | None:
    """None without a manage.py that is Django's, or without a module that can be served."""
    manage = _manage(project)
    if manage is None or not ("django" in packages or "django" in project.text(manage)):
        return None
    path = manage.rpartition("/")[0]
    found = _serving(project, path, packages)
    if found is None:
        return None
    collect = _static_root_in(project, path)
    static = f"{collect} sets STATIC_ROOT, so `collectstatic` is a step" if collect else "no STATIC_ROOT is set"
    return Django(
        path=path,
        serving=found,
        collect=f".venv/bin/python {manage} collectstatic --noinput" if collect else "",
        migrate=f"python {manage} migrate --noinput",
        reasons=(f"{manage} makes it a Django project; {static}.",),
    )


def _manage(project: Project) -> str | None:
    if project.has("manage.py"):
        return "manage.py"
    below = sorted(name for name in project.files if name.count("/") == 1 and name.endswith("/manage.py"))
    return below[0] if below else None


def _serving(project: Project, path: str, packages: Set[str]) -> Serving | None:
    """WSGI unless only what speaks ASGI was brought: most Django apps are written for it."""
    wsgi, asgi = _entry(project, path, "wsgi"), _entry(project, path, "asgi")
    if asgi and (not wsgi or (packages & _ASYNC_ONLY and not packages & _WSGI_SERVERS)):
        return serve(Kind.ASGI, asgi, packages & {"daphne"} or packages)
    return serve(Kind.WSGI, wsgi, packages) if wsgi else None


def _entry(project: Project, path: str, kind: str) -> str | None:
    """The one beside the settings that manage.py names, when there are several."""
    prefix = f"{path}/" if path else ""
    found = sorted(
        name.removeprefix(prefix)
        for name in project.files
        if name.startswith(prefix) and re.search(rf"(^|/){kind}\.py$", name)
    )
    named = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"](\w+)", project.text(f"{prefix}manage.py"))
    beside = [name for name in found if named and name.split("/", 1)[0] == named[1]]
    chosen = next(iter([*beside, *found]), None)
    return f"{dotted(chosen)}:application" if chosen else None


def _static_root_in(project: Project, path: str) -> str | None:
    prefix = f"{path}/" if path else ""
    settings = re.compile(rf"{re.escape(prefix)}(\w+/){{0,3}}(\w*settings\w*\.py|settings/\w+\.py)")
    names = sorted(name for name in project.files if settings.fullmatch(name))
    return next((name for name in names if _STATIC_ROOT.search(project.text(name))), None)
