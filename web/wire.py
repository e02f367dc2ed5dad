"""Between HTTP and Structs: strict decoding of bodies and queries, and JSON answers."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from deployd.domain.errors import UserMistake
from deployd.settings.unknown import with_guess
from web.problems import BodyTooSlow, WrongMediaType

Shape = TypeVar("Shape")

BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 60.0


async def body_of(request: web.Request, shape: type[Shape]) -> Shape:
    """The JSON body, strictly as `shape`; an absent body counts as `{}`."""
    raw = await _raw_body(request)
    if raw and request.content_type != "application/json":
        raise WrongMediaType("Send the request body as JSON with `Content-Type: application/json`.")
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise unusable(error, shape) from error
    except RecursionError as error:
        raise UserMistake("The request body is not usable: it is nested too deeply.") from error


def unusable(error: Exception, shape: object) -> UserMistake:
    said = with_guess(str(error), shape)
    return UserMistake(f"The request body is not usable: {said}{'' if said.endswith('?') else '.'}")


def query_of(request: web.Request, shape: type[Shape]) -> Shape:
    """The query string as `shape`, whose fields are numbers and text."""
    try:
        return msgspec.convert(dict(request.query), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise UserMistake(f"The query string is not usable: {error}.") from error


def answer(value: object, status: int = 200, location: str | None = None) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if location is not None:
        headers["Location"] = location
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json", headers=headers
    )


def nothing() -> web.Response:
    return web.Response(status=204)


async def _raw_body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise BodyTooSlow(f"The request's body did not arrive within {_BODY_SECONDS:.0f} s.") from None
    except web.RequestPayloadError as error:
        raise UserMistake(
            "The request body cannot be read: it is not in the coding that its header fields say."
        ) from error
