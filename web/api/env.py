"""/apps/{app}/env: secret values go in and never come out."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from deployd.domain.env import EnvValue, check_env
from deployd.domain.secret import Secret
from deployd.messages.deploy import ChangeEnv
from web.desk import ASK_SECONDS, desk_of, env_drift
from web.endpoint import Endpoint
from web.views import EnvView, env_view
from web.wire import answer, body_of


class EnvEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: str
    secret: bool = True


EnvPatch = dict[str, str | EnvEntry | None]
"""Each key: a string (kept as a secret), an entry that says whether it is one, or null to unset it."""


async def show_env(request: web.Request) -> web.Response:
    desk = desk_of(request)
    app = await desk.stores.apps.get(request.match_info["app"])
    return answer(env_view(await desk.stores.envs.read(app.name), await env_drift(desk, app.name)))


async def change_env(request: web.Request) -> web.Response:
    desk = desk_of(request)
    patch: EnvPatch = await body_of(request, EnvPatch)
    put = _entries(patch)
    check_env({key: entry.value for key, entry in put.items()})
    remove = tuple(key for key, value in patch.items() if value is None)
    app = await desk.stores.apps.get(request.match_info["app"])
    changed = await desk.deploy.ask(ChangeEnv(app=app.name, put=put, remove=remove), ASK_SECONDS)
    return answer(env_view(changed, await env_drift(desk, app.name)))


def _entries(patch: Mapping[str, str | EnvEntry | None]) -> dict[str, EnvValue]:
    entries: dict[str, EnvValue] = {}
    for key, value in patch.items():
        match value:
            case str():
                entries[key] = EnvValue(value=Secret(value), secret=True)
            case EnvEntry(value=text, secret=secret):
                entries[key] = EnvValue(value=Secret(text), secret=secret)
            case None:
                pass
    return entries


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/env", show_env, "Names, and values that are not secret", EnvView, guarded=True),
    Endpoint("PATCH", "/apps/{app}/env", change_env, "Set and unset values", EnvView, body=EnvPatch),
)
