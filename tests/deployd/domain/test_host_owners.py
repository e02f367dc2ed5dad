"""Whose a host is, while apps come, change and go."""

from deployd.domain.app import App, AppSettings
from deployd.domain.host_owners import HostOwners
from deployd.domain.ids import AppName


def an_app(name: str, *domains: str) -> App:
    return App(name=AppName(name), settings=AppSettings(repo="/x", domains=domains), created_ms=0)


def test_a_host_is_its_apps_until_it_is_changed_or_goes() -> None:
    owners = HostOwners("test", [an_app("shop", "a.test", "b.test"), an_app("blog")])
    rival = an_app("rival", "b.test", "blog.test", "free.test")
    assert list(owners.others(rival)) == [("b.test", "shop"), ("blog.test", "blog")]
    owners.note(an_app("shop", "a.test"))
    assert list(owners.others(rival)) == [("blog.test", "blog")]
    owners.forget(AppName("blog"))
    owners.forget(AppName("nobody"))
    assert list(owners.others(rival)) == []
    owners.note(rival)
    assert list(owners.others(an_app("blog"))) == [("blog.test", "rival")]


def test_its_own_hosts_are_nobody_elses() -> None:
    owners = HostOwners("test", [an_app("shop", "a.test")])
    assert list(owners.others(an_app("shop", "a.test", "c.test"))) == []
