"""The OpenAPI 3.1 document, made from the route table and the Structs themselves, so that it cannot drift."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from web.endpoint import PREFIX, Endpoint
from web.problems import CONTENT_TYPE, Problem

DOCUMENT_PATH = f"{PREFIX}/openapi.json"
_PARAMETER = re.compile(r"\{(\w+)\}")

Json = dict[str, Any]


def document(endpoints: Sequence[Endpoint], extra: Iterable[web.RouteDef], version: str) -> Json:
    """`extra` are routes that are no endpoints (the live tail): those of the API are listed by their docstring."""
    shapes, components = _schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = _operation(endpoint, shapes)
    for route in extra:
        if route.path.startswith(f"{PREFIX}/"):
            paths.setdefault(route.path, {})[route.method.lower()] = _undeclared(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "deployd", "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[dict[object, Json], Json]:
    shapes = list(
        {
            str(shape): shape
            for endpoint in endpoints
            for shape in (endpoint.response, endpoint.body, endpoint.query)
            if shape is not None
        }.values()
    )
    shapes.append(Problem)
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    return {str(shape): schema for shape, schema in zip(shapes, schemas, strict=True)}, {
        **components,
    }


def _operation(endpoint: Endpoint, shapes: dict[object, Json]) -> Json:
    good: Json = {"description": endpoint.summary}
    if endpoint.response is not None:
        good["content"] = _content(endpoint.media, shapes[str(endpoint.response)])
    operation: Json = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": [*_path_parameters(endpoint.template), *_query_parameters(endpoint)],
        "responses": {
            str(endpoint.status): good,
            "default": {"description": "Refused", "content": _content(CONTENT_TYPE, shapes[str(Problem)])},
        },
        "security": [{"token": []}],
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"content": _content("application/json", shapes[str(endpoint.body)])}
    return operation


def _undeclared(route: web.RouteDef) -> Json:
    summary = (route.handler.__doc__ or route.path).strip().splitlines()[0]
    return {
        "summary": summary,
        "parameters": _path_parameters(route.path),
        "responses": {"default": {"description": summary}},
        "security": [{"token": []}],
    }


def _content(media_type: str, schema: Json) -> Json:
    return {media_type: {"schema": schema}}


def _path_parameters(template: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(template)
    ]


def _query_parameters(endpoint: Endpoint) -> list[Json]:
    if endpoint.query is None:
        return []
    _, components = msgspec.json.schema_components([endpoint.query], ref_template="#/components/schemas/{name}")
    fields: Json = components[endpoint.query.__name__]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]
