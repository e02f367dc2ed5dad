"""/logs and /apps/{app}/logs: stored lines, oldest first; the live tail is web/stream.py."""

from typing import Annotated

import msgspec
from aiohttp import web

from deployd.domain.errors import UserMistake
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.log_line import Level
from web.desk import Desk, desk_of
from web.endpoint import Endpoint
from web.known import check_deployment
from web.views import LineList
from web.wire import answer, query_of

Sequence = Annotated[int, msgspec.Meta(ge=0, lt=10**18)]


class LineQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `after`: the first `limit` lines beyond that sequence number; otherwise the last ones (before `before`)."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500
    after: Sequence | None = None
    before: Sequence | None = None
    level: Level = Level.DEBUG
    deployment: str | None = None


async def all_lines(request: web.Request) -> web.Response:
    query = query_of(request, LineQuery)
    if query.after is not None or query.before is not None:
        raise UserMistake("`after` and `before` count lines of one app; ask /api/v1/apps/APP/logs.")
    return await _lines(desk_of(request), None, query)


async def app_lines(request: web.Request) -> web.Response:
    desk = desk_of(request)
    query = query_of(request, LineQuery)
    name = AppName(request.match_info["app"])
    if name != SYSTEM_APP:
        await desk.stores.apps.get(name)
    return await _lines(desk, name, query)


async def _lines(desk: Desk, app: AppName | None, query: LineQuery) -> web.Response:
    lines = await desk.logs.read(
        app,
        after=query.after,
        before=query.before,
        level=query.level,
        deployment=query.deployment,
        limit=query.limit,
    )
    if query.deployment is not None and not lines:  # The lines of one that is forgotten may still be there.
        await check_deployment(desk.stores.deployments.get, query.deployment, app)
    return answer(LineList(lines=lines))


ENDPOINTS = (
    Endpoint("GET", "/logs", all_lines, "Lines of all apps and of deployd itself", LineList, query=LineQuery),
    Endpoint("GET", "/apps/{app}/logs", app_lines, "Lines of one app", LineList, query=LineQuery),
)
