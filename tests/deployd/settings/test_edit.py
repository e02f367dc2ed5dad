"""Edits of one app's settings: what was asked for changes, and every other character stays."""

import difflib
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployd.settings.edit import CannotEdit, changed, lines_of_app, merged, plain, sure, without_app

FILE = """\
# All of it.
[server]
http = "127.0.0.1:80"   # the proxy

# The shop.
[apps.shop]
repo = "https://git.test/shop.git"   # ours
domains = [
    "shop.test",  # one
]
env = { A = "1" }
# branch = "next"

[apps.shop.limits]
# Enough.
memory_mb = 256

# The blog.
[apps.blog]
upstream = "127.0.0.1:9000"
"""


def diff(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_a_value_is_replaced_where_it_stands() -> None:
    after = changed(FILE, "shop", {"repo": "https://git.test/other.git"})
    assert diff(FILE, after) == [
        '-repo = "https://git.test/shop.git"   # ours', '+repo = "https://git.test/other.git"   # ours'
    ]  # fmt: skip


def test_a_new_setting_stands_below_the_others_of_its_table() -> None:
    after = changed(FILE, "shop", {"branch": "main", "health": "/up"})
    assert diff(FILE, after) == ['+branch = "main"', '+health = "/up"']
    assert after.index("env =") < after.index('branch = "main"') < after.index("[apps.shop.limits]")
    assert diff(FILE, changed(FILE, "blog", {"proxy": {"allow": ["10.0.0.0/8"]}})) == [
        '+proxy = { allow = ["10.0.0.0/8"] }'
    ]


def test_a_table_is_changed_key_by_key() -> None:
    after = changed(FILE, "shop", {"limits": {"memory_mb": 512, "pids": 9}})
    assert diff(FILE, after) == ["-memory_mb = 256", "+memory_mb = 512", "+pids = 9"]
    gone = changed(FILE, "shop", {"limits": {"pids": 9, "memory_mb": None}})
    assert diff(FILE, gone) == ["-# Enough.", "-memory_mb = 256", "+pids = 9"]


def test_a_setting_that_gets_its_default_back_is_taken_out() -> None:
    assert diff(FILE, changed(FILE, "shop", {"domains": None})) == [
        "-domains = [", '-    "shop.test",  # one', "-]"
    ]  # fmt: skip
    assert "limits" not in changed(FILE, "shop", {"limits": None})


def test_an_app_goes_with_its_tables_and_comments_and_the_others_keep_theirs() -> None:
    after = without_app(FILE, "shop")
    assert after == (
        '# All of it.\n[server]\nhttp = "127.0.0.1:80"   # the proxy\n\n'
        '# The blog.\n[apps.blog]\nupstream = "127.0.0.1:9000"\n'
    )
    assert without_app(FILE, "blog") == FILE[: FILE.index("\n# The blog.")]
    assert (
        without_app(without_app(FILE, "blog"), "shop")
        == '# All of it.\n[server]\nhttp = "127.0.0.1:80"   # the proxy\n'
    )


def test_the_lines_of_an_app_are_those_from_its_header_to_its_last_value() -> None:
    assert lines_of_app(FILE, "shop") == (6, 16)
    assert lines_of_app(FILE, "blog") == (19, 20)
    assert lines_of_app(FILE, "nobody") is None


WAYS = [
    'apps.shop.repo = "a"\napps.shop.limits.pids = 1\napps.blog.repo = "b"\n',
    '[apps]\nshop.repo = "a"\nshop.limits = { pids = 1 }\nblog = { repo = "b" }\n',
    '[apps]\nshop = { repo = "a", limits = { pids = 1 } }\nblog = { repo = "b" }\n',
    '[apps.shop]\nrepo = "a"\nlimits.pids = 1\n[apps.blog]\nrepo = "b"',
    '[apps.shop.limits]\npids = 1\n[apps.blog]\nrepo = "b"\n[apps.shop]\nrepo = "a"',
    '[apps . "shop"]\n  repo = """a"""\n  [apps.\'shop\'.limits]\n    pids = 1 # x\n[apps.blog]\nrepo = "b"\n',
    '[apps.shop]\r\nrepo = "a"\r\n\r\n[apps.shop.limits]\r\npids = 1\r\n\r\n[apps.blog]\r\nrepo = "b"\r\n',
    '[apps.shop]\nrepo = "a"\n[apps.shop.limits]\npids = 1\n# The blog\n[apps.blog]\nrepo = "b"\n[tls]\n',
    '[apps.shop]\nrepo = "a"\nlimits.pids = 1\n[apps.shop.proxy.redirects]\n"/a" = "/b"\n[apps.blog]\nrepo = "b"',
]
CHANGES: list[dict[str, Any]] = [
    {"repo": "new"},
    {"branch": "main"},
    {"limits": {"pids": 2, "cpus": 1.5}},
    {"limits": {"memory_mb": 5}},
    {"limits": None},
    {"limits": {"pids": None}},
    {"health": "/x"},
    {"repo": None, "upstream": ["a:1", "b:2"]},
    {"proxy": {"redirects": {"/old": "/new é \"' \\ \n"}, "sticky": True}},
    {"health": {"path": "/x"}, "processes": {"web": 2}},
]


@pytest.mark.parametrize("text", WAYS, ids=range(len(WAYS)))
def test_whatever_way_it_is_written_exactly_what_was_asked_for_changes(text: str) -> None:
    before = tomllib.loads(text)
    for changes in CHANGES:
        after = changed(text, "shop", changes)
        assert tomllib.loads(after)["apps"]["blog"] == before["apps"]["blog"]
        assert plain(tomllib.loads(after)["apps"]["shop"]) == plain(merged(before["apps"]["shop"], changes))
        assert ("\r\n" in text) == ("\r\n" in after)
        assert "\n" not in after.replace("\r\n", "") if "\r\n" in text else True
    gone = tomllib.loads(without_app(text, "shop"))
    assert gone["apps"] == {"blog": before["apps"]["blog"]}
    assert gone.get("tls") == before.get("tls")


@given(st.data())
def test_changes_follow_one_another(data: st.DataObject) -> None:
    text = FILE
    for _ in range(4):
        changes = data.draw(st.sampled_from(CHANGES))
        text = changed(text, "shop", changes)
        now = tomllib.loads(text)["apps"]["shop"]
        assert plain(merged(now, changes)) == plain(now)
    for line in ("# All of it.", "# The blog.", 'http = "127.0.0.1:80"   # the proxy'):
        assert line in text.splitlines()


def test_what_was_not_understood_is_not_written() -> None:
    with pytest.raises(CannotEdit):
        sure('[apps.shop]\nrepo = "a"', {"apps": {"shop": {"repo": "b"}}})
    with pytest.raises(CannotEdit):
        sure("[apps.shop", {})
