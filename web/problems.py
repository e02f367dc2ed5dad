"""Turns every expected error into problem+json (RFC 9457), from one table of error type → HTTP status."""

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from deployd.domain.errors import (
    BrokenRow,
    BuildFailed,
    DeploydError,
    NotFound,
    ProviderUnavailable,
    StartFailed,
    StateConflict,
    StoreUnusable,
    UserMistake,
)
from deployd.kernel.errors import ActorStopped, AskTimeout, MailboxFull

CONTENT_TYPE = "application/problem+json"


class TokenNeeded(DeploydError):
    """The request needs an API token and brought none that is valid."""


class WrongOrigin(DeploydError):
    """The request came from a page of another site, or under a host name that is not ours."""


class BodyTooSlow(DeploydError):
    """The request's body did not arrive in its time."""


class WrongMediaType(UserMistake):
    """The body is not declared as JSON."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`detail` is the sentence for the person; `type` is what programs compare; `instance` is the path asked for."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""


STATUS_OF: dict[type[Exception], tuple[int, str]] = {
    TokenNeeded: (401, "Token needed"),
    WrongOrigin: (403, "Wrong origin"),
    BodyTooSlow: (408, "Request Timeout"),
    WrongMediaType: (415, "Wrong media type"),
    NotFound: (404, "Not found"),
    UserMistake: (400, "Refused"),
    BrokenRow: (409, "Broken row"),
    StateConflict: (409, "State conflict"),
    BuildFailed: (422, "Build failed"),
    StartFailed: (422, "Start failed"),
    ProviderUnavailable: (503, "Provider unavailable"),
    AskTimeout: (503, "No answer in time"),
    MailboxFull: (503, "Too busy"),
    ActorStopped: (503, "Not running"),
    StoreUnusable: (500, "Store unusable"),
    DeploydError: (500, "Failed"),
}
_HEADERS_OF: dict[int, tuple[tuple[str, str], ...]] = {
    401: (
        ("WWW-Authenticate", 'Basic realm="deployd: any name, an API token as password", charset="UTF-8"'),
        ("WWW-Authenticate", 'Bearer realm="deployd"'),
    ),
    503: (("Retry-After", "2"),),
}
_DETAIL_OF = {
    404: "There is nothing at this address; /api/v1/openapi.json lists what there is.",
    405: "This address does not take that method; the Allow header lists those it takes.",
    413: "The request body is larger than the 1 MiB that is accepted.",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except tuple(STATUS_OF) as error:
        status, title = status_of(error)
        return problem(status, title, str(error), request.path)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = problem(error.status, error.reason, _DETAIL_OF.get(error.status, f"{error.reason}."), request.path)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer


def status_of(error: Exception) -> tuple[int, str]:
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def problem(status: int, title: str, detail: str, path: str = "") -> web.Response:
    kind = "urn:deployd:problem:" + title.lower().replace(" ", "-")
    said = Problem(type=kind, title=title, status=status, detail=detail, instance=path)
    return web.Response(
        status=status,
        body=msgspec.json.encode(said),
        content_type=CONTENT_TYPE,
        headers=[("Cache-Control", "no-store"), *_HEADERS_OF.get(status, ())],
    )
