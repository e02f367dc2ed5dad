"""Places: hosts, wildcards and path prefixes, as an app's domains name them."""

import pytest

from deployd.domain.app import App, AppSettings
from deployd.domain.host_name import is_domain
from deployd.domain.ids import AppName
from deployd.domain.place import Place, front_place, is_below


@pytest.mark.parametrize(
    ("text", "host", "prefix", "concrete"),
    [
        ("example.com", "example.com", "", "example.com"),
        ("Example.com.", "example.com", "", "example.com"),
        ("*.example.com", "*.example.com", "", "any.example.com"),
        ("example.com/api/v1", "example.com", "/api/v1", "example.com"),
        ("*.example.com/Api", "*.example.com", "/Api", "any.example.com"),
    ],
)
def test_a_place_is_a_host_and_a_prefix(text: str, host: str, prefix: str, concrete: str) -> None:
    place = Place.parse(text)
    assert (place.host, place.prefix, place.concrete_host) == (host, prefix, concrete)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("example.com", True),
        ("*.example.com", True),
        ("example.com/api", True),
        ("example.com/api/v1.2/~x", True),
        ("*.example.com/api", True),
        ("example.com/", False),
        ("example.com//api", False),
        ("example.com/..", False),
        ("example.com/api/./x", False),
        ("example.com/a;b", False),
        ("example.com/a%20b", False),
        ("example.com/a?b", False),
        ("a.*.example.com", False),
        ("*", False),
        ("Example.com", False),
    ],
)
def test_a_domain_has_one_way_to_be_written(text: str, good: bool) -> None:
    assert is_domain(text) is good


def test_an_app_is_asked_where_it_has_a_name_and_all_paths() -> None:
    places = ("*.a.test", "*.b.test/x", "c.test/x", "d.test")
    assert [str(front_place(places[:count])) for count in (4, 3, 2)] == ["d.test", "c.test/x", "*.a.test"]


@pytest.mark.parametrize(
    ("path", "below"), [("/api", True), ("/api/x", True), ("/api?x", True), ("/apix", False), ("/", False)]
)
def test_below_is_meant_by_whole_segments(path: str, below: bool) -> None:
    assert is_below(path, "/api") is below


def test_people_get_urls_that_can_be_opened() -> None:
    def urls(*domains: str) -> tuple[str, ...]:
        app = App(name=AppName("shop"), settings=AppSettings(domains=domains), created_ms=0)
        return app.urls("base.test", "http://{}:8080/".format)

    assert urls() == ("http://shop.base.test:8080/",)
    assert urls("a.test", "*.a.test", "b.test/api") == ("http://a.test:8080/", "http://b.test:8080/api")
    assert urls("*.a.test") == ("http://any.a.test:8080/",)
