"""One row of the API's route table: what is served, documented and guarded is read from the same place."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from web.auth import Access

PREFIX = "/api/v1"
JSON, TOML = "application/json", "application/toml"

EndpointHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is below PREFIX; `body`, `query` and `response` are msgspec types, None when there is none; the response
    is in `media`.
    """

    method: str
    path: str
    handler: EndpointHandler
    summary: str
    response: type | None = None
    body: object = None
    query: type | None = None
    status: int = 200
    guarded: bool = False
    media: str = JSON

    @property
    def template(self) -> str:
        return PREFIX + self.path

    @property
    def access(self) -> Access:
        return Access.GUARDED if self.guarded or self.method != "GET" else Access.READ
