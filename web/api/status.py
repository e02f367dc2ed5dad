"""/status, /events and /apps/{app}/instances: what runs and what happened."""

import os
from typing import Annotated

import msgspec
from aiohttp import web

from web.desk import desk_of
from web.endpoint import Endpoint
from web.views import ActorView, EventList, InstanceList, ReloadView, StatusView
from web.wire import answer, query_of


class EventQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    app: str | None = None


async def show_status(request: web.Request) -> web.Response:
    desk = desk_of(request)
    problems = list(desk.vitals.problems())
    return answer(
        StatusView(
            version=desk.version,
            pid=os.getpid(),
            settled=desk.settled(),
            base_domain=desk.base_domain,
            ready=not problems,
            problems=problems,
            warnings=list(desk.vitals.warnings()),
            actors=[ActorView(**msgspec.structs.asdict(each)) for each in desk.vitals.actors()],
        )
    )


async def reload(request: web.Request) -> web.Response:
    desk = desk_of(request)
    await desk.reload()
    return answer(ReloadView(pid=os.getpid()), status=202)


async def list_events(request: web.Request) -> web.Response:
    query = query_of(request, EventQuery)
    return answer(EventList(events=await desk_of(request).stores.events.recent(query.limit, query.app)))


async def list_instances(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    return answer(InstanceList(instances=await desk.stores.instances.of_app(app.name)))


ENDPOINTS = (
    Endpoint("POST", "/reload", reload, "Let a new process take over with no refused connection", ReloadView),
    Endpoint("GET", "/status", show_status, "What deployd says about itself", StatusView),
    Endpoint("GET", "/events", list_events, "What happened, newest first", EventList, query=EventQuery),
    Endpoint("GET", "/apps/{app}/instances", list_instances, "What runs of one app", InstanceList),
)
