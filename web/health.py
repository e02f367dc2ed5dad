"""/livez: the loop turns. /readyz: nothing keeps this process from serving, or the sentences that say what does."""

import msgspec
from aiohttp import web

from web.desk import desk_of
from web.wire import answer


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    ready: bool
    problems: list[str]


async def livez(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    problems = list(desk_of(request).vitals.problems())
    return answer(Readiness(ready=not problems, problems=problems), status=503 if problems else 200)
