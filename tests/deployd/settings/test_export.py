"""What is exported means the same settings when it is read as deployd.toml."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from deployd.config_file import parse, resolve_env
from deployd.domain.app import App, AppSettings, HealthCheck, Limits, check_settings
from deployd.domain.build import BuildSettings
from deployd.domain.edge import EdgeSettings, Reuse
from deployd.domain.env import EnvValue
from deployd.domain.errors import UserMistake
from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.settings.export import exported

FILE = Path("deployd.toml")
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
paths = st.sampled_from(["/", "/up", "/a%20b"])
tools = st.sampled_from(["node", "python", "git-lfs"])
names = st.sampled_from(["web", "worker", "a-b", "A_1"])


def some(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: kind(**given))


settings = some(
    AppSettings,
    repo=st.sampled_from(["git@git.test:shop.git", '/srv/é "shop', "https://git.test/x?a='b'"]),
    branch=words,
    domains=st.lists(st.sampled_from(["a.test", "*.b.test/x", "xn--bcher-kva.example"]), unique=True).map(tuple),
    health=st.one_of(
        paths, some(HealthCheck, path=paths, successes=st.integers(1, 20), gate_seconds=st.floats(0.1, 9999))
    ),
    upstream=st.one_of(st.just("a:1"), st.just(("a:1", "[::1]:2"))),
    processes=st.dictionaries(names, st.integers(0, 64), max_size=2),
    commands=st.dictionaries(names, words, max_size=2),
    limits=some(Limits, memory_mb=st.integers(0, 10**9), cpus=st.floats(0, 4096)),
    build=some(
        BuildSettings,
        install=st.one_of(st.none(), words),
        spa=st.one_of(st.none(), st.booleans()),
        tools=st.one_of(st.dictionaries(words, st.just(""), max_size=2), st.dictionaries(tools, words, max_size=2)),
    ),
    proxy=some(
        EdgeSettings,
        sticky=st.booleans(),
        reuse=st.sampled_from(Reuse),
        allow=st.just(("10.0.0.0/8",)),
        redirects=st.dictionaries(st.sampled_from(["/a", "/b.c/*"]), st.just("https://x.test/*"), max_size=2),
        error_pages=st.just({"5xx": "down.html"}),
    ),
)


def app_of(settings: AppSettings) -> App:
    address = RepositoryAddress.parse(settings.repo) if settings.repo is not None else None
    if address is not None:
        settings = msgspec.structs.replace(settings, repo=address.url)
    return App(name=AppName("shop"), settings=settings, created_ms=1, login=address.login if address else None)


@budget(max_examples=40)
@given(settings)
def test_exporting_and_reading_give_the_same_settings(settings: AppSettings) -> None:
    try:
        check_settings("shop", settings)
    except UserMistake:
        assume(False)
    text = exported(app_of(settings), {})
    assert parse(text, FILE).apps["shop"].settings() == settings


def test_only_what_is_not_at_its_default_is_written() -> None:
    settings = AppSettings(
        repo="https://git.test/shop.git", domains=("a.test",), limits=Limits(memory_mb=256), processes={"web": 2}
    )
    assert exported(app_of(settings), {}) == (
        '[apps.shop]\nrepo = "https://git.test/shop.git"\ndomains = ["a.test"]\n\n'
        "[apps.shop.processes]\nweb = 2\n\n[apps.shop.limits]\nmemory_mb = 256\n"
    )


ENV = {
    "GREETING": EnvValue(value=Secret("hello"), secret=False),
    "API_TOKEN": EnvValue(value=Secret('hunter2 "é\n'), secret=True),
    "ODD": EnvValue(value=Secret("env:HOME"), secret=False),
}


def test_env_is_named_and_told_only_when_asked_for() -> None:
    app = app_of(AppSettings(repo="/x"))
    text = exported(app, ENV)
    assert "hunter2" not in text
    assert "hello" not in text
    assert "# Set by command, and so it stays: API_TOKEN, GREETING, ODD." in text
    assert parse(text, FILE).apps["shop"].env == {}
    told = parse(exported(app, ENV, secrets=True), FILE).apps["shop"]
    env = {key: entry.value.reveal() for key, entry in resolve_env(told).items()}
    assert env == {"GREETING": "hello", "API_TOKEN": 'hunter2 "é\n'}
    assert "# ODD begins as a reference does" in exported(app, ENV, secrets=True)


@pytest.mark.parametrize("repo", ["https://me:hunter2@git.test/x.git", "http://hunter2@git.test/x.git"])
def test_a_repo_with_credentials_is_told_only_when_asked_for(repo: str) -> None:
    app = app_of(AppSettings(repo=repo))
    text = exported(app, ENV)
    assert "hunter2" not in text
    assert parse(text, FILE).apps == {}
    told = parse(exported(app, ENV, secrets=True), FILE).apps["shop"]
    assert (told.repo, told.login) == (app.settings.repo, app.login)
    ssh = app_of(AppSettings(repo="ssh://git@git.test/x.git"))
    assert parse(exported(ssh, {}), FILE).apps["shop"].repo == "ssh://git@git.test/x.git"
