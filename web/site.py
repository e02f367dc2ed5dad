"""Builds the aiohttp application of one edge: routes, guards, problem answers and security headers."""

from collections.abc import Sequence

from aiohttp import web

from web.api.table import ENDPOINTS
from web.auth import ACCESS, EDGE, Access, Edge, guard
from web.desk import DESK, Desk
from web.health import livez, readyz
from web.long_polls import LONG_POLLS, LongPolls
from web.metrics import metrics
from web.openapi import DOCUMENT_PATH, document
from web.problems import problems
from web.wire import BODY_BYTES, answer

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
"""Beside them goes away which versions of what we are made of."""


def make_app(desk: Desk, edge: Edge, extra: Sequence[web.AbstractRouteDef] = ()) -> web.Application:
    """`extra` are further routes (pages, the live tail), guarded by their method: GET reads, the rest changes."""
    app = web.Application(middlewares=[problems, guard], client_max_size=BODY_BYTES)
    app[DESK] = desk
    app[EDGE] = edge
    app[LONG_POLLS] = polls = LongPolls()
    app.on_shutdown.append(polls.end)
    app[ACCESS] = {
        ("GET", "/livez"): Access.OPEN,
        **{(endpoint.method, endpoint.template): endpoint.access for endpoint in ENDPOINTS},
    }
    openapi = document(ENDPOINTS, [route for route in extra if isinstance(route, web.RouteDef)], desk.version)

    async def show_document(request: web.Request) -> web.Response:
        return answer(openapi)

    app.add_routes([web.route(each.method, each.template, each.handler) for each in ENDPOINTS])
    app.add_routes([web.get(DOCUMENT_PATH, show_document), web.get("/metrics", metrics)])
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz)])
    app.add_routes(extra)
    app.on_response_prepare.append(_harden)
    return app


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)
    if request.app[EDGE] is Edge.PUBLIC and (request_id := request.headers.get("X-Request-ID")):
        response.headers["X-Request-ID"] = request_id  # The proxy gave it.
