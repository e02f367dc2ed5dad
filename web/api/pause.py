"""/apps/{app}/pause and /resume: requests wait instead of failing while something is done behind them."""

from typing import Annotated

import msgspec
from aiohttp import web

from deployd.domain.route import HoldReport
from deployd.messages.proxy import PauseTraffic, ResumeTraffic
from web.desk import ASK_SECONDS, desk_of
from web.endpoint import Endpoint
from web.wire import answer, body_of, nothing


class PauseOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After `seconds` everything goes on by itself."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=30)] = 30.0


async def pause_app(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    order = await body_of(request, PauseOrder)
    await desk.proxy.ask(PauseTraffic(app=app.name, seconds=order.seconds), ASK_SECONDS)
    return nothing()


async def resume_app(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    return answer(await desk.proxy.ask(ResumeTraffic(app=app.name), ASK_SECONDS))


ENDPOINTS = (
    Endpoint("POST", "/apps/{app}/pause", pause_app, "Let its requests wait", body=PauseOrder, status=204),
    Endpoint("POST", "/apps/{app}/resume", resume_app, "Let what waits go on", response=HoldReport),
)
