"""/apps: create, show, change, stop, restart and remove what the user deploys."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from aiohttp import web

from deployd.domain.app import MAINTENANCE_TEXT, App, AppSettings, check_settings, with_ascii_domains
from deployd.domain.deployment import Deployment, Trigger
from deployd.domain.errors import UserMistake
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.route import Route
from deployd.domain.secret import Secret
from deployd.kernel.many import by_turns
from deployd.messages.config import ChangeDeclared, RemoveDeclared
from deployd.messages.deploy import PutApp, RemoveApp, RestartApp, SetMaintenance, StopApp
from deployd.settings.declared import Owner
from deployd.settings.edit import merged
from web.auth import CALLER, EDGE, Edge
from web.desk import ASK_SECONDS, STOP_SECONDS, Desk, desk_of, env_drift
from web.endpoint import PREFIX, Endpoint
from web.views import REDACTED, AppList, AppView, app_view
from web.wire import answer, body_of, nothing, unusable


class NewApp(AppSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What visitors read while the app is in maintenance."""

    text: str = MAINTENANCE_TEXT


def trigger_of(request: web.Request) -> Trigger:
    return Trigger.CLI if request.app[EDGE] is Edge.UNIX else Trigger.API


async def list_apps(request: web.Request) -> web.Response:
    desk = desk_of(request)
    apps, broken = await desk.stores.apps.listed()
    routes, unroutable = await desk.stores.routes.listed()
    broken |= unroutable
    route_of, latest, paused = (
        {route.app: route for route in routes},
        await desk.stores.deployments.latest(),
        desk.vitals.paused(),
    )
    views = [
        _view_of(desk, app, route_of.get(app.name), latest.get(app.name), paused)
        async for app in by_turns(apps)
        if app.name not in broken
    ]
    return answer(AppList(apps=views, broken=broken))


async def create_app(request: web.Request) -> web.Response:
    desk = desk_of(request)
    new = await body_of(request, NewApp)
    if desk.declared.owner(new.name) is Owner.FILE:
        raise UserMistake(f"App {new.name!r} stands in {desk.declared.file} already; change it there.")
    settings = AppSettings(**{field: getattr(new, field) for field in AppSettings.__struct_fields__})
    settings, login = _login_apart(settings)
    app = await desk.deploy.ask(PutApp(name=new.name, settings=settings, login=login, create_only=True), ASK_SECONDS)
    return answer(await _view(desk, app), status=201, location=f"{PREFIX}/apps/{app.name}")


async def show_app(request: web.Request) -> web.Response:
    desk = desk_of(request)
    return answer(await _view(desk, await desk.stores.apps.get(request.match_info["app"])))


async def change_app(request: web.Request) -> web.Response:
    """A merge patch (RFC 7396) over the settings: keys that are not sent stay, null puts the default back.

    Of an app that stands in deployd.toml the file is changed, so that it stays true.
    """
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    patch = await body_of(request, dict[str, Any])
    settings = _merged(app.settings, patch)
    order = PutApp(name=app.name, settings=settings)
    if "repo" in patch:
        settings, login = _login_apart(settings)
        order = PutApp(name=app.name, settings=settings, login=login)
    if desk.declared.owner(app.name) is Owner.FILE:
        check_settings(app.name, with_ascii_domains(settings))
        changed = await desk.config.ask(ChangeDeclared(app=app.name, changes=patch), ASK_SECONDS)
    else:
        changed = await desk.deploy.ask(order, ASK_SECONDS)
    return answer(await _view(desk, changed))


async def remove_app(request: web.Request) -> web.Response:
    """Of an app that stands in deployd.toml the table goes, too; otherwise it would be back at the next start."""
    desk, name = desk_of(request), request.match_info["app"]
    if desk.declared.owner(name) is Owner.FILE:
        await desk.config.ask(RemoveDeclared(app=name), STOP_SECONDS)
    else:
        await desk.deploy.ask(RemoveApp(app=name), STOP_SECONDS)
    return nothing()


async def stop_app(request: web.Request) -> web.Response:
    await desk_of(request).deploy.ask(StopApp(app=request.match_info["app"], by=request[CALLER]), STOP_SECONDS)
    return nothing()


async def restart_app(request: web.Request) -> web.Response:
    order = RestartApp(app=request.match_info["app"], trigger=trigger_of(request), by=request[CALLER])
    return accepted(await desk_of(request).deploy.ask(order, ASK_SECONDS))


async def begin_maintenance(request: web.Request) -> web.Response:
    desk = desk_of(request)
    notice = await body_of(request, Notice)
    order = SetMaintenance(app=request.match_info["app"], text=notice.text, by=request[CALLER])
    return answer(await _view(desk, await desk.deploy.ask(order, ASK_SECONDS)))


async def end_maintenance(request: web.Request) -> web.Response:
    desk = desk_of(request)
    order = SetMaintenance(app=request.match_info["app"], text=None, by=request[CALLER])
    return answer(await _view(desk, await desk.deploy.ask(order, ASK_SECONDS)))


def accepted(deployment: Deployment) -> web.Response:
    return answer(deployment, status=202, location=f"{PREFIX}/deployments/{deployment.id}")


async def _view(desk: Desk, app: App) -> AppView:
    latest = await desk.stores.deployments.of_app(app.name, 1)
    route = await desk.stores.routes.get(app.name)
    view = _view_of(desk, app, route, latest[0] if latest else None, desk.vitals.paused())
    return msgspec.structs.replace(view, drift=(*view.drift, *await env_drift(desk, app.name)))


def _view_of(desk: Desk, app: App, route: Route | None, latest: Deployment | None, paused: Collection[str]) -> AppView:
    urls = app.urls(desk.base_domain, desk.url_of)
    return app_view(app, urls, route, latest, desk.declared, paused=app.name in paused)


def _login_apart(settings: AppSettings) -> tuple[AppSettings, Secret | None]:
    if settings.repo is None:
        return settings, None
    if REDACTED in settings.repo:
        raise UserMistake(f"`repo` holds {REDACTED} where its credentials were; send the whole URL or leave it out.")
    address = RepositoryAddress.parse(settings.repo)
    return msgspec.structs.replace(settings, repo=address.url), address.login


def _merged(settings: AppSettings, patch: Mapping[str, Any]) -> AppSettings:
    try:
        return msgspec.convert(merged(msgspec.to_builtins(settings), patch), type=AppSettings)
    except msgspec.ValidationError as error:
        raise unusable(error, AppSettings) from error
    except RecursionError as error:
        raise UserMistake("The request body is not usable: it is nested too deeply.") from error


ENDPOINTS = (
    Endpoint("GET", "/apps", list_apps, "All apps, by name", response=AppList),
    Endpoint("POST", "/apps", create_app, "Create an app", body=NewApp, response=AppView, status=201),
    Endpoint("GET", "/apps/{app}", show_app, "One app", response=AppView),
    Endpoint("PATCH", "/apps/{app}", change_app, "Change settings", body=AppSettings, response=AppView),
    Endpoint("DELETE", "/apps/{app}", remove_app, "Stop and delete an app with all it has", status=204),
    Endpoint("PUT", "/apps/{app}/maintenance", begin_maintenance, "Close to visitors", body=Notice, response=AppView),
    Endpoint("DELETE", "/apps/{app}/maintenance", end_maintenance, "Open it again", response=AppView),
    Endpoint("POST", "/apps/{app}/stop", stop_app, "Stop its instances and close its route", status=204),
    Endpoint("POST", "/apps/{app}/restart", restart_app, "Start its release anew", response=Deployment, status=202),
)
