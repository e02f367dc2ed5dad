"""/tokens: who may use the API from outside this machine's owner."""

import re

import msgspec
from aiohttp import web

from deployd.domain.errors import UserMistake
from web.desk import desk_of
from web.endpoint import Endpoint
from web.views import NewToken, TokenList
from web.wire import answer, body_of, nothing

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class TokenOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


async def list_tokens(request: web.Request) -> web.Response:
    return answer(TokenList(tokens=await desk_of(request).stores.tokens.all()))


async def create_token(request: web.Request) -> web.Response:
    desk = desk_of(request)
    order = await body_of(request, TokenOrder)
    if not _NAME.fullmatch(order.name):
        raise UserMistake(f"Token name {order.name!r} is not usable: take 1 to 64 letters, digits, '.', '_' or '-'.")
    text = await desk.stores.tokens.create(order.name, desk.clock.now_ms())
    return answer(NewToken(name=order.name, token=text), status=201)


async def revoke_token(request: web.Request) -> web.Response:
    await desk_of(request).stores.tokens.revoke(request.match_info["token"])
    return nothing()


ENDPOINTS = (
    Endpoint("GET", "/tokens", list_tokens, "Names of the API tokens", TokenList, guarded=True),
    Endpoint("POST", "/tokens", create_token, "Make an API token", NewToken, body=TokenOrder, status=201),
    Endpoint("DELETE", "/tokens/{token}", revoke_token, "Revoke the API token of that name", status=204),
)
