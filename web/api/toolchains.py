"""/toolchains: a tool fetched ahead of the first build that needs it."""

import msgspec
from aiohttp import web

from deployd.domain.build import Tool
from deployd.domain.errors import UserMistake
from web.desk import desk_of
from web.endpoint import Endpoint
from web.views import FetchedTool
from web.wire import answer, body_of


class ToolOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wanted` is a version or range as the tool's own world writes it; empty for the usual one."""

    name: str
    wanted: str = ""


async def add_toolchain(request: web.Request) -> web.Response:
    desk = desk_of(request)
    order = await body_of(request, ToolOrder)
    if desk.toolchains is None:
        raise UserMistake("This deployd fetches no tools.")
    said: list[str] = []
    (tool,) = await desk.toolchains.provide([Tool(name=order.name, wanted=order.wanted)], said.append)
    return answer(FetchedTool(name=tool.name, version=tool.version, place=tool.place, said=said))


ENDPOINTS = (
    Endpoint("POST", "/toolchains", add_toolchain, "Fetch a tool that builds use", FetchedTool, body=ToolOrder),
)
