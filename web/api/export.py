"""/export and /apps/{app}/export: what was made by command, as tables for deployd.toml."""

import msgspec
from aiohttp import web

from deployd.domain.app import App
from deployd.domain.env import EnvLayer
from deployd.domain.errors import StateConflict
from deployd.settings.declared import Owner
from deployd.settings.export import exported
from web.desk import Desk, desk_of
from web.endpoint import TOML, Endpoint
from web.wire import query_of


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secrets`: values of env, and repos whose URL holds credentials, are written, too."""

    secrets: bool = False


async def export_app(request: web.Request) -> web.Response:
    desk = desk_of(request)
    query = query_of(request, ExportQuery)
    app = await desk.stores.apps.get(request.match_info["app"])
    if desk.declared.owner(app.name) is Owner.FILE:
        raise StateConflict(f"App {app.name!r} stands in {desk.declared.file} already.")
    return _toml(await _exported(desk, app, query.secrets))


async def export_all(request: web.Request) -> web.Response:
    desk = desk_of(request)
    query = query_of(request, ExportQuery)
    apps = [app for app in await desk.stores.apps.all() if desk.declared.owner(app.name) is Owner.API]
    return _toml("\n".join([await _exported(desk, app, query.secrets) for app in apps]))


async def _exported(desk: Desk, app: App, secrets: bool) -> str:
    return exported(app, await desk.stores.envs.layer(app.name, EnvLayer.SET), secrets=secrets)


def _toml(text: str) -> web.Response:
    return web.Response(text=text, content_type=TOML, headers={"Cache-Control": "no-store"})


ENDPOINTS = (
    Endpoint("GET", "/export", export_all, "Apps made by command", str, query=ExportQuery, guarded=True, media=TOML),
    Endpoint(
        "GET",
        "/apps/{app}/export",
        export_app,
        "One of them, for deployd.toml",
        str,
        query=ExportQuery,
        guarded=True,
        media=TOML,
    ),
)
