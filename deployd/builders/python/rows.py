"""The part of docs/builders.md that speaks of Python, made from the tables that detection uses."""

from deployd.builders.project import Recognised
from deployd.builders.python.dependencies import SOURCES
from deployd.builders.python.frameworks import FRAMEWORKS
from deployd.builders.python.runners import RUNNERS
from deployd.builders.python.servers import ADDED, SERVERS
from deployd.builders.python.versions import WHERE


def _sources() -> tuple[Recognised, ...]:
    return tuple(Recognised(what=", ".join(source.files), how=source.how) for source in SOURCES)


def _frameworks() -> tuple[Recognised, ...]:
    return tuple(
        Recognised(
            what=f"{framework.title} app in a module",
            how=f"`{next(server for server in SERVERS if server.kind == framework.kind).command}`",
        )
        for framework in FRAMEWORKS
    )


ROWS: tuple[Recognised, ...] = (
    Recognised(
        what="the version of Python",
        how=f"`tools.python` in the settings, then {', '.join(name for name, _ in WHERE)}; the first that says it.",
    ),
    *_sources(),
    Recognised(what="environment.yml without any of these", how="Refused: conda is not supported."),
    Recognised(
        what="manage.py (Django)",
        how="`collectstatic` is a step when STATIC_ROOT is set, `migrate` is `release`; wsgi or asgi module served.",
    ),
    *_frameworks(),
    *(Recognised(what=f"{runner.title} in a file", how=f"`{runner.command}`") for runner in RUNNERS),
    Recognised(
        what="an app that brings no server",
        how=f"{' or '.join(sorted(ADDED.values()))} is added, and the plan says so; a server that it brings is used: "
        f"{', '.join(dict.fromkeys(server.name for server in SERVERS))}.",
    ),
    Recognised(
        what="main.py, app.py, server.py… or a package with __main__.py", how="Run as it is; it must listen at PORT."
    ),
    Recognised(
        what="package.json with a `build` script beside it",
        how="Its packages are installed and the script is run before `collectstatic`; Python serves.",
    ),
)
