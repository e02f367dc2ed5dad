"""Names, hosts and settings: what is taken and what is refused."""

import pytest

from deployd.domain.app import App, AppSettings, HealthCheck, check_settings, checked_name
from deployd.domain.build import BuildPlan, BuildSettings
from deployd.domain.errors import UserMistake
from deployd.domain.host_name import is_host_name
from deployd.domain.ids import AppName

REPO = "https://git.example.com/shop.git"


@pytest.mark.parametrize("name", ["a", "a1", "my-shop", "a" * 40])
def test_a_dns_label_can_be_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-", "1a", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "a" * 41, "a\n", "ä", "a b", "a\0"]
)
def test_anything_else_cannot(name: str) -> None:
    with pytest.raises(UserMistake, match="is not usable: take 1 to 40"):
        checked_name(name)


def test_deployd_keeps_its_own_name() -> None:
    with pytest.raises(UserMistake, match="taken by deployd itself"):
        checked_name("deployd")


@pytest.mark.parametrize("host", ["localhost", "a.b", "xn--bcher-kva.example", "1.2.3.4", "a" * 63 + ".example"])
def test_host_names(host: str) -> None:
    assert is_host_name(host)


@pytest.mark.parametrize(
    "host",
    ["", "A.example", "a..b", "a.", ".a", "-a.b", "a-.b", "a b", "a:80", "a/b", "*.a", "a\n", "a" * 64, "a." * 127],
)
def test_what_is_no_host_name(host: str) -> None:
    assert not is_host_name(host)


@pytest.mark.parametrize(
    "settings",
    [
        AppSettings(repo=REPO),
        AppSettings(repo="git@git.example.com:shop.git", domains=("shop.example.com",)),
        AppSettings(upstream="127.0.0.1:1"),
        AppSettings(upstream=("[::1]:65535", "backend:80"), health=HealthCheck(path="/up")),
    ],
)
def test_settings_that_can_work_pass(settings: AppSettings) -> None:
    check_settings("shop", settings)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (AppSettings(), "needs either `repo`"),
        (AppSettings(repo=REPO, upstream="a:1"), "and not both"),
        (AppSettings(repo=""), "needs either `repo`"),
        (AppSettings(repo=REPO, domains=("ok.example", "Not.example")), "'Not.example' in `domains`"),
        (AppSettings(repo=REPO, domains=("http://a",)), "'http://a' in `domains`"),
        (AppSettings(upstream="backend"), "`upstream` 'backend'"),
        (AppSettings(upstream=("a:1", "a:0")), "`upstream` 'a:0'"),
        (AppSettings(upstream="a:65536"), "`upstream` 'a:65536'"),
        (AppSettings(upstream="http://a:80"), "`upstream` 'http://a:80'"),
        (AppSettings(upstream="::1:80"), "`upstream` '::1:80'"),
        (AppSettings(repo=REPO, health="healthz"), "`health` path 'healthz' must start with /"),
        (AppSettings(repo=REPO, health=HealthCheck(path="")), "`health` path '' must start"),
        (AppSettings(repo=REPO, health="/a b"), "spaces and letters beyond ASCII are to be percent-encoded"),
        (AppSettings(repo=REPO, health="/a\r\nX: y"), "`health` path"),
        (AppSettings(repo=REPO, health=HealthCheck(path="/\0")), "`health` path"),
        (AppSettings(repo=REPO, health="/ä"), "`health` path"),
        (AppSettings(repo=REPO, commands={"": "x"}), "'' cannot name a process"),
        (AppSettings(repo=REPO, commands={"a/b": "x"}), "'a/b' cannot name a process"),
        (AppSettings(repo=REPO, processes={"web ": 2}), "'web ' cannot name a process"),
        (AppSettings(repo=REPO, commands={"web": "a\0b"}), "`commands.web` holds a NUL byte"),
        (AppSettings(repo="a\0b"), "`repo`: The repository's address is not a git URL, since it holds signs that"),
        (AppSettings(repo=REPO, branch="\0"), "`branch` holds a NUL byte"),
        (AppSettings(repo=REPO, build=BuildSettings(build="\0")), "`build.build` holds a NUL byte"),
        (AppSettings(repo=REPO, build=BuildSettings(tools={"no\0de": ""})), "`build.tools.no.0de` holds a NUL byte"),
        (AppSettings(repo=REPO, build=BuildSettings(tools={"nod": "20"})), "'nod' is no tool .*: did you mean `node`"),
        (AppSettings(repo=REPO, build=BuildSettings(tools={"ffmpeg": "7"})), "'ffmpeg' is no tool .* its version out"),
        (AppSettings(upstream=("a:1", "unix:/\0")), r"`upstream\[1\]` holds a NUL byte"),
        (AppSettings(repo="--upload-pack=x"), "is not a git URL"),
        (AppSettings(repo="https://a\nb"), "is not a git URL"),
    ],
)
def test_the_first_setting_that_cannot_work_is_named(settings: AppSettings, complaint: str) -> None:
    with pytest.raises(UserMistake, match=complaint) as refusal:
        check_settings("shop", settings)
    assert "'shop'" in str(refusal.value)


def test_an_app_without_domains_is_served_under_the_base_domain() -> None:
    app = App(name=AppName("shop"), settings=AppSettings(repo=REPO), created_ms=1)
    assert app.hosts("apps.example.com") == ("shop.apps.example.com",)


def test_domains_replace_the_default_host() -> None:
    settings = AppSettings(repo=REPO, domains=("shop.example.com", "www.example.com"))
    app = App(name=AppName("shop"), settings=settings, created_ms=1)
    assert app.hosts("localhost") == ("shop.example.com", "www.example.com")


def test_one_copy_of_each_process_runs_unless_said_otherwise() -> None:
    settings = AppSettings(repo=REPO, processes={"web": 3, "worker": 0})
    assert [settings.instances(process) for process in ("web", "worker", "clock")] == [3, 0, 1]


def test_short_forms_mean_the_long_ones() -> None:
    settings = AppSettings(upstream="a:1", health="/up")
    assert (settings.upstreams, settings.health_check) == (("a:1",), HealthCheck(path="/up"))


@pytest.mark.parametrize(
    ("set_path", "found", "asked"),
    [("/", "/_stcore/health", "/_stcore/health"), ("/up", "/_stcore/health", "/up"), ("/", None, "/")],
)
def test_the_health_path_that_the_build_found_gives_way_to_the_one_that_was_set(
    set_path: str, found: str | None, asked: str
) -> None:
    plan = BuildPlan(builder="python", why="a test", health=found)
    assert AppSettings(repo=REPO, health=set_path).health_check_of(plan).path == asked
