"""The API document names exactly what is served, and every reference in it leads somewhere."""

import re
from typing import Any

from tests.web.bench import Bench, Client
from web.auth import Edge
from web.openapi import DOCUMENT_PATH
from web.site import make_app
from web.stream import LogStreams


async def test_the_document_names_each_route_of_the_api_and_no_other(bench: Bench, owner: Client) -> None:
    document = (await owner("GET", DOCUMENT_PATH)).body
    app = make_app(
        bench.desk, Edge.UNIX, LogStreams(bench.desk.log, bench.stores.apps.get, bench.stores.deployments.get).routes()
    )
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/v1/") and route.method != "HEAD"
    }
    documented = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert documented == served - {("get", DOCUMENT_PATH)}


async def test_every_reference_leads_to_a_schema_and_every_operation_has_its_own_name(owner: Client) -> None:
    document = (await owner("GET", DOCUMENT_PATH)).body
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert _references(document) - schemas == set()
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "operationId" in operation
    ]
    assert len(names) == len(set(names)) > 20


async def test_query_and_path_parameters_are_listed(owner: Client) -> None:
    paths = (await owner("GET", DOCUMENT_PATH)).body["paths"]
    parameters = paths["/api/v1/apps/{app}/logs"]["get"]["parameters"]
    assert [(each["name"], each["in"]) for each in parameters][:2] == [("app", "path"), ("limit", "query")]
    for path, methods in paths.items():
        for operation in methods.values():
            listed = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert listed == set(re.findall(r"\{(\w+)\}", path))


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_references, node.values()))
    if isinstance(node, list):
        return set().union(*map(_references, node))
    return set()
