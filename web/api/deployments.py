"""/deployments: ask for one, watch it without polling, cancel it, go back to an earlier release."""

from contextlib import suppress
from typing import Annotated

import msgspec
from aiohttp import web

from deployd.domain.app import App
from deployd.domain.app_state import traffic_of
from deployd.domain.deployment import Deployment, Stage, usual_seconds
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import BrokenRow, NotFound, StateConflict, UserMistake
from deployd.domain.ids import AppName
from deployd.messages.deploy import CancelDeployment, RequestDeployment, RollBack
from web.api.apps import accepted, trigger_of
from web.auth import CALLER
from web.desk import ASK_SECONDS, Desk, desk_of
from web.endpoint import Endpoint
from web.long_polls import LONG_POLLS, LongPolls
from web.views import (
    DeploymentList,
    DeploymentView,
    ReleaseList,
    Traffic,
    deployment_summary,
    deployment_view,
    release_view,
)
from web.wire import answer, body_of, query_of

_ORDER = list(Stage)
_TO_LEARN_FROM = 20


class DeploymentOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ref`: branch, tag or commit; null means the app's branch. `canary`: only these visitors get the new release."""

    ref: str | None = None
    canary: CanaryRule | None = None


class RollbackOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release`: a kept release; null means the one before the one that serves."""

    release: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Watch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answer once the deployment is beyond stage `after` (without it: once it ended), or `wait` seconds later."""

    wait: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    after: Stage | None = None


class Newest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


async def request_deployment(request: web.Request) -> web.Response:
    order = await body_of(request, DeploymentOrder)
    if order.ref is not None and (not order.ref or order.ref.startswith("-") or not order.ref.isprintable()):
        raise UserMistake(f"`ref` {order.ref!r} is not a branch, tag or commit.")
    ask = RequestDeployment(
        app=request.match_info["app"],
        trigger=trigger_of(request),
        by=request[CALLER],
        ref=order.ref,
        canary=order.canary,
    )
    return accepted(await desk_of(request).deploy.ask(ask, ASK_SECONDS))


async def roll_back(request: web.Request) -> web.Response:
    order = await body_of(request, RollbackOrder)
    ask = RollBack(
        app=request.match_info["app"], trigger=trigger_of(request), by=request[CALLER], release=order.release
    )
    return accepted(await desk_of(request).deploy.ask(ask, ASK_SECONDS))


async def list_deployments(request: web.Request) -> web.Response:
    desk = desk_of(request)
    newest = query_of(request, Newest)
    app = await desk.stores.apps.get(request.match_info["app"])
    traffic = await _traffic(desk, app)
    found = await desk.stores.deployments.of_app(app.name, newest.limit)
    return answer(DeploymentList(deployments=[deployment_summary(one, traffic) for one in found]))


async def show_deployment(request: web.Request) -> web.Response:
    desk = desk_of(request)
    watch = query_of(request, Watch)
    deployment = await _watched(desk, request.app[LONG_POLLS], request.match_info["deployment"], watch)
    journal = await desk.stores.deployments.journal(deployment.id)
    usual = usual_seconds(await desk.stores.deployments.latest_journals(deployment.app, _TO_LEARN_FROM, deployment.id))
    traffic = await _traffic_now(desk, deployment.app)
    return answer(deployment_view(deployment, journal, desk.clock.now_ms(), traffic=traffic, usual=usual))


async def cancel_deployment(request: web.Request) -> web.Response:
    ask = CancelDeployment(deployment=request.match_info["deployment"])
    return answer(await desk_of(request).deploy.ask(ask, ASK_SECONDS))


async def cancel_all(request: web.Request) -> web.Response:
    """What runs and what waits; with nothing to cancel a StateConflict says so."""
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    unfinished = await desk.stores.deployments.unfinished(app.name)
    cancelled: list[Deployment] = []
    for one in reversed(unfinished):  # The newest first: else the end of one would begin the next.
        with suppress(StateConflict):
            cancelled.append(await desk.deploy.ask(CancelDeployment(deployment=one.id), ASK_SECONDS))
    if not cancelled:
        raise StateConflict(f"App {app.name!r} has no deployment that runs or waits, so there is nothing to cancel.")
    traffic = await _traffic(desk, app)
    return answer(DeploymentList(deployments=[deployment_summary(one, traffic) for one in cancelled]))


async def list_releases(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    serving: int | None = None
    with suppress(BrokenRow):
        route = await desk.stores.routes.get(app.name)
        serving = route.release if route is not None else None
    releases = await desk.stores.releases.of_app(app.name)
    return answer(ReleaseList(releases=[release_view(release, serving) for release in releases]))


async def _traffic_now(desk: Desk, name: AppName) -> Traffic:
    """Of an app that may be gone by now."""
    try:
        return await _traffic(desk, await desk.stores.apps.get(name))
    except (NotFound, BrokenRow):
        return None, None


async def _traffic(desk: Desk, app: App) -> Traffic:
    try:
        return traffic_of(app, await desk.stores.routes.get(app.name))
    except BrokenRow:
        return None, None


async def _watched(desk: Desk, polls: LongPolls, deployment_id: str, watch: Watch) -> Deployment:
    """Subscribes before it reads, so that no move can fall between the two."""
    if watch.wait == 0:
        return await desk.stores.deployments.get(deployment_id)
    feed = desk.stores.events.subscribe()
    try:
        deployment = await desk.stores.deployments.get(deployment_id)
        async with polls.limit(watch.wait):
            while not _beyond(deployment, watch.after):
                event = await feed.next()
                if deployment_id in (event.subject, event.correlation):
                    deployment = await desk.stores.deployments.get(deployment_id)
        return deployment
    finally:
        feed.close()


def _beyond(deployment: Deployment, after: Stage | None) -> bool:
    return deployment.ended or (after is not None and _ORDER.index(deployment.stage) > _ORDER.index(after))


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/deployments", list_deployments, "Newest first", DeploymentList, query=Newest),
    Endpoint(
        "POST",
        "/apps/{app}/deployments",
        request_deployment,
        "Deploy a branch, tag or commit",
        response=Deployment,
        body=DeploymentOrder,
        status=202,
    ),
    Endpoint("POST", "/apps/{app}/cancel", cancel_all, "Cancel what runs and waits", DeploymentList),
    Endpoint("GET", "/apps/{app}/releases", list_releases, "Kept releases, newest first", ReleaseList),
    Endpoint(
        "POST",
        "/apps/{app}/rollback",
        roll_back,
        "Serve a kept release again, without a rebuild",
        response=Deployment,
        body=RollbackOrder,
        status=202,
    ),
    Endpoint("GET", "/deployments/{deployment}", show_deployment, "Show or await one", DeploymentView, query=Watch),
    Endpoint("POST", "/deployments/{deployment}/cancel", cancel_deployment, "Cancel it", Deployment),
)
