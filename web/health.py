"""/livez: the loop turns. /readyz: nothing keeps this process from serving, or the sentences that say what does.

Warnings stand beside: they are for people, and do not make it unready.
"""

import msgspec
from aiohttp import web

from web.desk import desk_of
from web.wire import answer


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    ready: bool
    problems: list[str]
    warnings: list[str]


async def livez(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    vitals = desk_of(request).vitals
    problems = list(vitals.problems())
    readiness = Readiness(ready=not problems, problems=problems, warnings=list(vitals.warnings()))
    return answer(readiness, status=503 if problems else 200)
