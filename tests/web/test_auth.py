"""Who may do what at which edge: every cell of the table, and the tricks a browser can be made to play."""

import base64

import pytest

from tests.web.bench import Bench, Client
from web.auth import Edge
from web.stream import EVENTS_PATH, STREAM_PATH

OPEN = ("GET", "/livez")
READS = (("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/api/v1/apps"), ("GET", "/api/v1/logs"), ("GET", "/nowhere"))
GUARDED = (
    ("POST", "/api/v1/apps"),
    ("DELETE", "/api/v1/apps/shop"),
    ("GET", "/api/v1/tokens"),
    ("GET", "/api/v1/apps/shop/env"),
    ("POST", "/api/v1/tokens"),
    ("POST", "/nowhere"),
)
LET_IN = {
    Edge.UNIX: (OPEN, *READS, *GUARDED),
    Edge.ADMIN: (OPEN, *READS),
    Edge.PUBLIC: (OPEN,),
}


@pytest.fixture
def clients(owner: Client, neighbour: Client, stranger: Client) -> dict[Edge, Client]:
    return {Edge.UNIX: owner, Edge.ADMIN: neighbour, Edge.PUBLIC: stranger}


@pytest.mark.parametrize("edge", list(Edge))
async def test_without_a_token_each_edge_lets_in_exactly_its_own(edge: Edge, clients: dict[Edge, Client]) -> None:
    for method, path in (OPEN, *READS, *GUARDED):
        answer = await clients[edge](method, path, {} if method == "POST" else None)
        assert (answer.status != 401) == ((method, path) in LET_IN[edge]), (edge, method, path)


@pytest.mark.parametrize("edge", list(Edge))
async def test_with_a_token_each_edge_lets_in_everything(edge: Edge, clients: dict[Edge, Client], bench: Bench) -> None:
    token = await bench.stores.tokens.create("ci", 1)
    for method, path in (OPEN, *READS, *GUARDED):
        answer = await clients[edge](method, path, {} if method == "POST" else None, Authorization=f"Bearer {token}")
        assert answer.status not in (401, 403), (edge, method, path)


async def test_a_browser_can_log_in_with_the_token_as_password(stranger: Client, bench: Bench) -> None:
    token = await bench.stores.tokens.create("me", 1)
    challenge = await stranger("GET", "/api/v1/apps")
    assert challenge.response.headers["WWW-Authenticate"].startswith("Basic ")
    basic = base64.b64encode(f"me:{token}".encode()).decode()
    assert (await stranger("GET", "/api/v1/apps", Authorization=f"Basic {basic}")).status == 200


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic !!!", "Basic bWU=", "Digest x", "Bearer \xe9"])
@pytest.mark.parametrize("edge", list(Edge))
async def test_wrong_credentials_are_refused_everywhere_and_never_taken_for_none(
    header: str, edge: Edge, clients: dict[Edge, Client]
) -> None:
    for method, path in (OPEN, *READS, *GUARDED, ("GET", STREAM_PATH), ("GET", EVENTS_PATH)):
        refused = await clients[edge](method, path, {} if method == "POST" else None, Authorization=header)
        challenges = refused.response.headers.getall("WWW-Authenticate")
        assert (refused.status, [one.split()[0] for one in challenges]) == (401, ["Basic", "Bearer"]), path


@pytest.mark.parametrize("edge", list(Edge))
async def test_whoever_shows_a_token_is_whom_it_names(edge: Edge, clients: dict[Edge, Client], bench: Bench) -> None:
    await bench.add_app()
    token = await bench.stores.tokens.create("ci", 1)
    made = await clients[edge]("POST", "/api/v1/apps/shop/deployments", {}, Authorization=f"Bearer {token}")
    assert made.body["by"] == "token ci"


async def test_a_revoked_token_opens_nothing(owner: Client, stranger: Client) -> None:
    token = (await owner("POST", "/api/v1/tokens", {"name": "ci"})).body["token"]
    assert (await stranger("GET", "/api/v1/apps", Authorization=f"Bearer {token}")).status == 200
    await owner("DELETE", "/api/v1/tokens/ci")
    assert (await stranger("GET", "/api/v1/apps", Authorization=f"Bearer {token}")).status == 401


async def test_the_list_of_tokens_does_not_show_them(owner: Client) -> None:
    made = (await owner("POST", "/api/v1/tokens", {"name": "ci"})).body
    listed = (await owner("GET", "/api/v1/tokens")).body
    assert [each["name"] for each in listed["tokens"]] == ["ci"]
    assert made["token"] not in str(listed)


@pytest.mark.parametrize("host", ["127.0.0.1:9001", "localhost", "LOCALHOST:9001", "[::1]:9001", "panel.test"])
async def test_the_admin_listener_answers_under_loopback_names_and_its_own(host: str, neighbour: Client) -> None:
    assert (await neighbour("GET", "/api/v1/apps", Host=host)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9001", "shop.test"])
async def test_a_name_rebound_to_loopback_is_refused(host: str, neighbour: Client) -> None:
    refused = await neighbour("GET", "/api/v1/apps", Host=host)
    assert (refused.status, refused.body["title"]) == (403, "Wrong origin")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://[broken"])
async def test_a_page_of_another_site_is_refused_even_with_a_token(
    origin: str, neighbour: Client, stranger: Client, bench: Bench
) -> None:
    token = await bench.stores.tokens.create("ci", 1)
    for client in (neighbour, stranger):
        for method in ("GET", "POST"):
            refused = await client(method, "/api/v1/apps", None, Origin=origin, Authorization=f"Bearer {token}")
            assert refused.status == 403
    assert bench.orders == []


async def test_our_own_page_is_let_in(neighbour: Client, stranger: Client, bench: Bench) -> None:
    token = await bench.stores.tokens.create("ci", 1)
    assert (await neighbour("GET", "/api/v1/apps", Origin=bench.admin)).status == 200
    own = {"Host": "panel.test", "Origin": "https://panel.test", "Authorization": f"Bearer {token}"}
    assert (await stranger("GET", "/api/v1/apps", None, **own)).status == 200
