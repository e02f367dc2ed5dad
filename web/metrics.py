"""/metrics: the process's vitals for Prometheus, collected when they are asked for."""

from aiohttp import web

from web.desk import desk_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(request: web.Request) -> web.Response:
    from web.collector import exposition  # Its library takes a while to load, and most starts need none of it.

    desk = desk_of(request)
    return web.Response(body=exposition(desk.vitals, desk.version), headers={"Content-Type": CONTENT_TYPE})
