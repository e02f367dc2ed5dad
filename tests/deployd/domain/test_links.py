import pytest

from deployd.domain.app import App, AppSettings
from deployd.domain.ids import AppName
from deployd.domain.links import Links


@pytest.mark.parametrize(
    ("http_port", "https_port", "url"),
    [
        (80, 443, "https://a.test/"),
        (8080, 8443, "https://a.test:8443/"),
        (80, 0, "http://a.test/"),
        (8080, 0, "http://a.test:8080/"),
    ],
)
def test_a_certified_host_is_opened_over_https_where_there_is_a_listener(
    http_port: int, https_port: int, url: str
) -> None:
    assert Links(http_port=http_port, https_port=https_port, certified=lambda _: True).to("a.test") == url


def test_each_address_of_an_app_is_one_that_works() -> None:
    settings = AppSettings(repo="file:///srv/a.git", domains=("a.test", "b.test/api"))
    app = App(name=AppName("a"), settings=settings, created_ms=0)
    links = Links(http_port=80, https_port=443, certified=lambda host: host == "b.test")
    assert app.urls("test", links.to) == ("http://a.test/", "https://b.test/api")
