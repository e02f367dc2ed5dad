"""The servers that run Python web apps for the public, and which of them a project brings itself."""

import shlex
from collections.abc import Set
from dataclasses import dataclass

from deployd.builders.python.frameworks import Kind

ADDRESS = "127.0.0.1"
"""The proxy is the only one who may speak to an app."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """`command` serves an object, `factory` a function that makes it; `brought_by` are packages that depend on it."""

    name: str
    kind: Kind
    command: str
    factory: str
    brought_by: frozenset[str] = frozenset()

    def is_in(self, packages: Set[str]) -> bool:
        return self.name in packages or bool(self.brought_by & packages)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """`add` is the requirement to install for it, empty when the project brings the server."""

    command: str
    server: str
    add: str = ""


_WITH_UVICORN = frozenset(
    {
        "fastapi[standard]",
        "fastapi[all]",
        "litestar[standard]",
        "python-fasthtml",
        "gradio",
        "nicegui",
        "uvicorn-worker",
    }
)
_UVICORN = f"uvicorn {{app}} --host {ADDRESS} --port $PORT"
_HYPERCORN = f"hypercorn {{app}} --bind {ADDRESS}:$PORT"
_GRANIAN = f"granian --interface {{kind}} --host {ADDRESS} --port $PORT {{app}}"
_GUNICORN = f"gunicorn {{app}} --bind {ADDRESS}:$PORT --threads 4"
_WAITRESS = f"waitress-serve --listen={ADDRESS}:$PORT"
_AIOHTTP = f"gunicorn {{app}} --bind {ADDRESS}:$PORT --worker-class aiohttp.GunicornWebWorker"

SERVERS = (
    Server(name="uvicorn", kind=Kind.ASGI, command=_UVICORN, factory=f"{_UVICORN} --factory", brought_by=_WITH_UVICORN),
    Server(
        name="hypercorn",
        kind=Kind.ASGI,
        command=_HYPERCORN,
        factory=f"hypercorn '{{app}}()' --bind {ADDRESS}:$PORT",
        brought_by=frozenset({"quart"}),
    ),
    Server(name="granian", kind=Kind.ASGI, command=_GRANIAN, factory=f"{_GRANIAN} --factory"),
    Server(
        name="daphne",
        kind=Kind.ASGI,
        command=f"daphne -b {ADDRESS} -p $PORT {{app}}",
        factory="",
        brought_by=frozenset({"channels[daphne]"}),
    ),
    Server(name="gunicorn", kind=Kind.WSGI, command=_GUNICORN, factory=_GUNICORN.replace("{app}", "'{app}()'")),
    Server(name="waitress", kind=Kind.WSGI, command=f"{_WAITRESS} {{app}}", factory=f"{_WAITRESS} --call {{app}}"),
    Server(name="granian", kind=Kind.WSGI, command=_GRANIAN, factory=f"{_GRANIAN} --factory"),
    Server(name="gunicorn", kind=Kind.AIOHTTP, command=_AIOHTTP, factory=_AIOHTTP),
    Server(
        name="sanic",
        kind=Kind.SANIC,
        command=f"sanic {{app}} --host {ADDRESS} --port $PORT",
        factory=f"sanic {{app}} --factory --host {ADDRESS} --port $PORT",
    ),
)
"""For each kind, the first that the project brings; the first at all is what is added when it brings none."""

ADDED = {"uvicorn": "uvicorn>=0.30", "gunicorn": "gunicorn>=23", "sanic": "sanic>=23"}


def serve(kind: Kind, app: str, packages: Set[str], *, factory: bool = False) -> Serving:
    usable = [server for server in SERVERS if server.kind == kind and (server.factory or not factory)]
    server = next((server for server in usable if server.is_in(packages)), None)
    chosen = server or usable[0]
    command = (chosen.factory if factory else chosen.command).format(app=app, kind=kind.value)
    return Serving(command=command, server=chosen.name, add="" if server else ADDED[chosen.name])


def add_step(serving: Serving) -> tuple[str, ...]:
    return (f"uv pip install --python .venv {shlex.quote(serving.add)}",) if serving.add else ()
