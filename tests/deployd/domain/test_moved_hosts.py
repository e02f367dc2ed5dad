"""Who has to give up a host before another app can have it."""

from deployd.domain.app import App, AppSettings
from deployd.domain.edge import EdgeSettings
from deployd.domain.ids import AppName
from deployd.domain.moved_hosts import without_moved_hosts


def settings(*domains: str, canonical: str = "") -> AppSettings:
    return AppSettings(repo="https://git.test/x", domains=domains, proxy=EdgeSettings(canonical=canonical))


def moved(apps: dict[str, AppSettings], wanted: dict[str, AppSettings]) -> dict[str, tuple[str, ...]]:
    stored = [App(name=AppName(name), settings=one, created_ms=0) for name, one in apps.items()]
    return {name: one.domains for name, one in without_moved_hosts(stored, wanted, "base.test")}


def test_nobody_gives_up_what_nobody_else_wants() -> None:
    apps = {"a": settings("a.test"), "b": settings("b.test")}
    assert moved(apps, {"a": settings("a.test", "new.test"), "b": settings("else.test")}) == {}


def test_a_host_that_moves_is_given_up_and_the_new_ones_are_served_at_once() -> None:
    apps = {"a": settings(), "b": settings("x.test", "b.test")}
    wanted = {"a": settings("x.test"), "b": settings("b.test", "y.test")}
    assert moved(apps, wanted) == {"b": ("b.test", "y.test")}


def test_two_apps_that_swap_their_hosts_both_give_them_up() -> None:
    apps = {"a": settings("x.test"), "b": settings("y.test")}
    assert moved(apps, {"a": settings("y.test"), "b": settings("x.test")}) == {"a": (), "b": ()}


def test_the_name_that_an_app_has_without_domains_can_move_too() -> None:
    apps = {"a": settings(), "b": settings("b.test")}
    assert moved(apps, {"a": settings("new.test"), "b": settings("a.base.test")}) == {"a": ("new.test",)}


def test_an_app_that_the_file_does_not_name_keeps_its_hosts() -> None:
    assert moved({"a": settings("x.test")}, {"b": settings("x.test")}) == {}


def test_a_canonical_host_goes_with_the_domain() -> None:
    app = App(name=AppName("a"), settings=settings("x.test", canonical="x.test"), created_ms=0)
    wanted = {"a": settings("y.test", canonical="y.test"), "b": settings("x.test")}
    assert dict(without_moved_hosts([app], wanted, "base.test"))["a"].proxy.canonical == ""
