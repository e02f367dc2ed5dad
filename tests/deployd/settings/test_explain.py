"""What `deployd check --explain` knows: every key there is, from the comments of the shipped deployd.toml."""

import tomllib

import pytest

from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.settings.explain import Explanation, explain, tables
from deployd.settings.schema import all_keys, kind_of
from deployd.settings.shape import wrong_shapes

TEXT = """\
[server]
http = "127.0.0.1:80"
[telegram]
token = "123:hunter2"
[apps.shop]
repo = "https://me:hunter2@git.test/shop.git"
domains = [
    "a.test",
]
env = { A = "hunter2" }
health.path = "/up"
[apps.blog]
repo = "x"
[apps.blog.health]
path = "/b"
[[tls.certificates]]
cert = "a.pem"
key = "a.key"
"""
KEYS = [".".join(key) for key in all_keys()]


def one(asked: str) -> Explanation:
    (explained,) = explain(asked, TEXT)
    return explained


@pytest.mark.parametrize("key", [key for key in KEYS if key != "apps"])
def test_every_key_is_explained(key: str) -> None:
    explained = one(key)
    assert explained.key == key
    assert explained.meaning.endswith((".", "]", ")")), explained.meaning
    assert explained.type
    assert explained.effect
    for value in (explained.example, explained.default):
        kind = kind_of(tuple(key.split(".")))
        assert kind is not None
        if value:
            read = tomllib.loads(f"value = {value}")["value"]
            assert list(wrong_shapes(read, kind, tuple(key.split(".")), lambda given: Secret(str(given)))) == []


@pytest.mark.parametrize("key", ["server.https", "apps.*.domains", "apps.*.processes", "tls.email", "apps.*.repo"])
def test_what_is_empty_by_default_has_an_example(key: str) -> None:
    assert one(key).example not in ("", '""', "[]", "{}")


def test_where_it_is_set_is_told_with_line_and_value_and_no_secret() -> None:
    assert [(each.key, each.line, each.value) for each in one("server.http").set_at] == [
        ("server.http", 2, '"127.0.0.1:80"')
    ]
    assert one("server.https").set_at == ()
    assert [(each.line, each.value) for each in one("apps.shop.domains").set_at] == [(7, '[ "a.test", ]')]
    assert [(each.key, each.line, each.value) for each in one("apps.*.health.path").set_at] == [
        ("apps.shop.health.path", 11, '"/up"'),
        ("apps.blog.health.path", 15, '"/b"'),
    ]
    assert one("tls.certificates.cert").set_at[0].line == 17
    for key in ("telegram.token", "apps.shop.repo", "apps.shop.env", "apps.shop.env.A"):
        assert one(key).set_at[0].line > 0
        assert "hunter2" not in repr(one(key))


def test_a_bare_key_is_found_in_every_table_that_has_it() -> None:
    assert [each.key for each in explain("allow")] == ["telegram.allow", "apps.*.proxy.allow"]
    assert [each.key for each in explain("limits.pids")] == ["apps.*.limits.pids"]
    assert [each.key for each in explain("[apps.shop.limits]")] == ["apps.shop.limits"]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("htp", "server.http"),
        ("sever.http", "server.http"),
        ("server.htp", "server.http"),
        ("apps.*.health_path", "apps.*.health.path"),
        ("apps.shop.brnch", "apps.*.branch"),
        ("memry_mb", "apps.*.limits.memory_mb"),
    ],
)
def test_an_unknown_key_is_told_with_the_one_that_was_probably_meant(asked: str, meant: str) -> None:
    with pytest.raises(UserMistake, match=f"has no key `{asked.replace('*', '.')}`: did you mean `{meant}`"):
        explain(asked)
    for nothing in ("", ".", "nonsensical", "server.http.more"):
        with pytest.raises(UserMistake, match="has no key"):
            explain(nothing)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("prune", "at once"),
        ("apps.shop.domains", "at once"),
        ("apps.shop.repo", "saving the file deploys"),
        ("apps.shop.env", "deployd restart shop"),
        ("apps.*.build.root", "deployd deploy APP"),
        ("server.http", "deployd reload"),
    ],
)
def test_when_a_change_takes_effect_is_told(key: str, words: str) -> None:
    assert words in one(key).effect


def test_without_a_key_every_table_is_listed_with_its_keys() -> None:
    listed = {each.key: each.keys for each in tables()}
    assert {key.rpartition(".")[0] for key in KEYS if "." in key} <= {*listed, "tls.certificates", "apps"}
    assert "http" in listed["server"]
    assert listed["prune"] == ()
