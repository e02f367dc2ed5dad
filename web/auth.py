"""Who may do what at which edge: the unix socket is trusted, loopback may read, the public host needs a token.

Whoever shows a token is whom it names, and is refused when it is none: wrong credentials are never taken for no
credentials, at no edge and for no address.
"""

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from web.desk import Desk, desk_of
from web.problems import TokenNeeded, WrongOrigin

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Edge(StrEnum):
    """Where a request came in."""

    UNIX = "unix"
    ADMIN = "admin"
    PUBLIC = "public"


class Access(StrEnum):
    """What a request touches: OPEN says nothing, READ shows, GUARDED changes something or shows env and tokens."""

    OPEN = "open"
    READ = "read"
    GUARDED = "guarded"


NEEDS_TOKEN: Mapping[Edge, frozenset[Access]] = {
    Edge.UNIX: frozenset(),
    Edge.ADMIN: frozenset({Access.GUARDED}),
    Edge.PUBLIC: frozenset({Access.READ, Access.GUARDED}),
}

EDGE = web.AppKey("edge", Edge)
ACCESS = web.AppKey("access", Mapping[tuple[str, str], Access])
"""By method and path template; what is not listed is READ for safe methods and GUARDED otherwise."""
CALLER = web.RequestKey("caller", str)
"""For `by`: the token's name, or where the caller came in."""


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    edge = request.app[EDGE]
    if edge is not Edge.UNIX:
        _check_host(request, edge)
        _check_origin(request)
    request[CALLER] = await _caller(request, edge, _access_of(request))
    return await handler(request)


async def _caller(request: web.Request, edge: Edge, access: Access) -> str:
    header = request.headers.get("Authorization")
    if header is not None:
        return f"token {await _named_by(header, desk_of(request))}"
    if access in NEEDS_TOKEN[edge]:
        raise TokenNeeded("This needs an API token: make one with `deployd token create NAME` and send it as Bearer.")
    return "cli" if edge is Edge.UNIX else edge.value


async def _named_by(header: str, desk: Desk) -> str:
    text = _token_in(header)
    name = None if text is None else await desk.stores.tokens.verify(text, desk.clock.now_ms())
    if name is None:
        raise TokenNeeded(
            "This API token is not known or was revoked; `deployd token list` shows those that are valid."
        )
    return name


def _access_of(request: web.Request) -> Access:
    method = "GET" if request.method == "HEAD" else request.method
    resource = request.match_info.route.resource
    template = resource.canonical if resource is not None else request.path
    default = Access.READ if method in _SAFE_METHODS else Access.GUARDED
    return request.app[ACCESS].get((method, template), default)


def _check_host(request: web.Request, edge: Edge) -> None:
    """A page on another site that points its own name at 127.0.0.1 still sends that name as Host."""
    host = _host_name(request.host)
    if edge is Edge.ADMIN and host not in LOOPBACK_NAMES and host != desk_of(request).control_host:
        raise WrongOrigin(f"The admin listener does not answer to {host!r}; open it as 127.0.0.1 or localhost.")


def _check_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and _authority(origin) != request.host.lower():
        raise WrongOrigin(
            f"Requests from pages of {origin!r} are refused; use deployd's own pages or no Origin header."
        )


def _host_name(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _token_in(header: str) -> str | None:
    """From `Bearer TOKEN`, or from the password of `Basic`, which is how a browser can log in."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            return _password(value.strip())
        case _:
            return None


def _password(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
