"""/apps/{app}/canary: some visitors get another release, until it is promoted or aborted."""

from typing import Annotated

import msgspec
from aiohttp import web

from deployd.domain.canary_verdict import Traffic
from deployd.domain.deployment import Deployment
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import NotFound
from deployd.messages.deploy import AbortCanary, BeginCanary, PromoteCanary
from deployd.messages.proxy import AskTraffic
from web.api.apps import accepted
from web.auth import CALLER
from web.desk import ASK_SECONDS, STOP_SECONDS, desk_of
from web.endpoint import Endpoint
from web.views import CanaryView
from web.wire import answer, body_of, nothing


class CanaryOrder(CanaryRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release`: a kept release; null means the canary that runs, otherwise the newest that is not live."""

    release: Annotated[int, msgspec.Meta(ge=1)] | None = None


async def show_canary(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    route = await desk.stores.routes.get(app.name)
    if route is None or route.canary is None:
        raise NotFound(f"App {app.name!r} has no canary; begin one with: deployd canary {app.name} 5%")
    traffic: Traffic = await desk.proxy.ask(AskTraffic(app=app.name), ASK_SECONDS)
    canary = route.canary.canary
    return answer(
        CanaryView(
            app=app.name,
            deployment=route.canary.deployment,
            rule=CanaryRule(percent=canary.percent, header=canary.header, allow=canary.allow),
            live=traffic.live,
            canary=traffic.canary,
        )
    )


async def begin_canary(request: web.Request) -> web.Response:
    order = await body_of(request, CanaryOrder)
    rule = CanaryRule(percent=order.percent, header=order.header, allow=order.allow)
    ask = BeginCanary(app=request.match_info["app"], by=request[CALLER], rule=rule, release=order.release)
    return accepted(await desk_of(request).deploy.ask(ask, ASK_SECONDS))


async def promote_canary(request: web.Request) -> web.Response:
    ask = PromoteCanary(app=request.match_info["app"], by=request[CALLER])
    return accepted(await desk_of(request).deploy.ask(ask, ASK_SECONDS))


async def abort_canary(request: web.Request) -> web.Response:
    await desk_of(request).deploy.ask(AbortCanary(app=request.match_info["app"], by=request[CALLER]), STOP_SECONDS)
    return nothing()


_PATH = "/apps/{app}/canary"
ENDPOINTS = (
    Endpoint("GET", _PATH, show_canary, "How the canary does beside the live release", CanaryView),
    Endpoint("PUT", _PATH, begin_canary, "Give some visitors another release", Deployment, CanaryOrder, status=202),
    Endpoint("POST", _PATH, promote_canary, "Give everybody the canary's release", Deployment, status=202),
    Endpoint("DELETE", _PATH, abort_canary, "Give everybody the live release again", status=204),
)
