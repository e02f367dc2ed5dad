"""The rules together: what is asked first, and that nothing is asked when nothing is set."""

import pytest

from deployd.domain.edge import EdgeSettings
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.proxy.chunked import ChunkedDecoder
from deployd.proxy.door.basic_auth import Attempt
from deployd.proxy.door.door import door_of
from deployd.proxy.door.passes import Passes
from deployd.proxy.door.password import NOBODY
from deployd.proxy.refused import Refused
from deployd.proxy.request_head import CHUNKED, RequestHead

HERE = "192.0.2.1"


class Everywhere:
    def has(self, host: bytes) -> bool:
        return True


def route(maintenance: str | None = None, health: str = "/", **edge: object) -> Route:
    settings = EdgeSettings(**edge)  # type: ignore[arg-type]
    return Route(app=AppName("shop"), hosts=("a.test",), edge=settings, maintenance=maintenance, health_path=health)


def head(target: bytes = b"/", method: bytes = b"GET", length: int = 0, fields: bytes = b"") -> RequestHead:
    made = RequestHead(method, target, True)
    made.host = made.name = b"a.test"
    made.length, made.fields = length, fields
    return made


def status(route: Route, asked: RequestHead, scheme: bytes = b"http", tls: bool = False) -> int | None:
    door = door_of(route, Everywhere() if tls else None)
    found = door.check(asked, HERE, scheme, 0.0) if door is not None else None
    assert not isinstance(found, Attempt)
    return found.status if found is not None else None


def test_an_app_without_rules_has_no_door() -> None:
    assert door_of(route(), None) is None
    assert door_of(route(https_redirect=False), Everywhere()) is None


EVERYTHING = {
    "allow": ("10.0.0.0/8", HERE),
    "canonical": "a.test",
    "redirects": {"/old": "/new"},
    "body_limit_mb": 1,
    "basic_auth": {"me": NOBODY},
}
ORDER: list[tuple[dict[str, object], int]] = [
    ({**EVERYTHING, "allow": ("10.0.0.0/8",), "canonical": "b.test"}, 403),
    ({**EVERYTHING, "canonical": "b.test", "maintenance": "closed"}, 308),
    ({**EVERYTHING, "maintenance": "closed"}, 503),
    (EVERYTHING, 308),
    ({**EVERYTHING, "redirects": {}}, 413),
    ({**EVERYTHING, "redirects": {}, "body_limit_mb": 0}, 401),
]


@pytest.mark.parametrize(("rules", "expected"), ORDER)
def test_strangers_are_turned_away_first_and_passwords_asked_for_last(rules: dict[str, object], expected: int) -> None:
    assert expected == status(route(**rules), head(b"/old", b"POST", 2**21))  # type: ignore[arg-type]


def test_no_password_is_asked_for_over_http_where_https_is_served() -> None:
    rules = route(basic_auth={"me": NOBODY})
    assert (status(rules, head(), tls=True), status(rules, head(), b"https", tls=True)) == (308, 401)


def test_challenges_of_an_authority_are_never_redirected() -> None:
    rules = route(canonical="b.test")
    assert status(rules, head(b"/.well-known/acme-challenge/x"), tls=True) is None


@pytest.mark.parametrize(
    ("health", "target", "expected"),
    [
        ("/", b"/", 503),
        ("/up", b"/", 503),
        ("/up", b"/up", None),
        ("/up", b"/up?deep=1", None),
        ("/up?deep=1", b"/up", None),
        ("/up", b"/up/", 503),
        ("/up", b"/upper", 503),
    ],
)
def test_maintenance_leaves_the_health_path_to_the_app(health: str, target: bytes, expected: int | None) -> None:
    assert expected == status(route("closed", health), head(target))


@pytest.mark.parametrize(
    ("limit", "length", "expected"),
    [(1, 2**20, None), (1, 2**20 + 1, 413), (0.5, 2**19 + 1, 413), (1, 0, None), (1, CHUNKED, None), (0, 2**40, None)],
)
def test_a_body_is_refused_by_its_length(limit: float, length: int, expected: int | None) -> None:
    assert expected == status(route(body_limit_mb=limit, canonical="a.test"), head(method=b"POST", length=length))


def test_a_chunked_body_is_refused_by_the_chunk_that_goes_beyond() -> None:
    decoder = ChunkedDecoder(10)
    assert decoder.feed(b"5\r\nhello\r\n5\r\nhello\r\n") == [b"hello", b"hello"]
    with pytest.raises(Refused, match="larger than") as refused:
        decoder.feed(b"1\r\n")
    assert refused.value.status == 413


def test_a_chunk_is_refused_before_its_data_came() -> None:
    with pytest.raises(Refused):
        ChunkedDecoder(10).feed(b"fffffffffff\r\n")


def test_counts_and_known_passwords_outlive_a_switch_unless_their_settings_changed() -> None:
    rules = {"requests_per_second": 1.0, "basic_auth": {"me": NOBODY}}
    before = door_of(route(**rules), None)  # type: ignore[arg-type]
    same = door_of(route("closed", **rules), None, before=before)  # type: ignore[arg-type]
    other = door_of(route(requests_per_second=2.0, basic_auth={"me": NOBODY[:-1] + "1"}), None, before=before)
    assert before is not None
    assert same is not None
    assert other is not None
    assert (same.rate, same.auth) == (before.rate, before.auth)
    assert other.rate is not before.rate
    assert other.auth is not before.auth


def test_a_pass_is_good_for_one_request_and_few_are_open() -> None:
    passes = Passes()
    key = passes.issue().encode()
    assert not passes.take(b"Host: a\r\n")
    assert not passes.take(b"X-Deployd-Pass: other\r\n")
    assert passes.take(b"x-deployd-pass: %b\r\n" % key)
    assert not passes.take(b"x-deployd-pass: %b\r\n" % key)
    for _ in range(100):
        passes.issue()
    assert len(passes) == 64
