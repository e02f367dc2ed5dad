"""Places against tomllib: every value it finds is found at a place whose text means that value."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from deployd.domain.setting import Key
from deployd.settings.places import Places

REFERENCE = (Path(__file__).parents[3] / "deployd.toml").read_text()
DOCUMENTS = [
    REFERENCE,
    REFERENCE.replace("#: ", ""),
    "",
    "# only a comment",
    "a = 1\r\nb = 2\r\n[c]\r\nd = '''x\r\ny'''\r\n",
    'a.b.c = 1\na."d.e" = 2\n"quo\\u0074ed" . \'lit\' = 3\n',
    '[ a . b ]\nx = 1\n[a]\ny = 2\n[\'c d\']\n["e\\"f"]\nz = 1',
    "[[p]]\nn = 1\n[p.q]\nx = 1\n[[p.r]]\ny = 1\n[[p.r]]\ny = 2\n[[p]]\n[p.q]\nx = 2\n[[p.r]]\ny.z = 3\n",
    'a = { b = 1, c = { d = "x" }, e.f = [1, 2] }\nb = {}\nc = []\n',
    'a = [ # one\n  1, # , ]\n  [2, "]"],\n  { x = "}" },\n]\nb = [[[]]]\n',
    'a = """x""y"""\nb = """"q""""\nc = \'\'\'it\'s\'\'\'\'\'\nd = """\\\n  \\"""z"""\ne = ""\nf = \'\'\n',
    "a = 1979-05-27 07:32:00.5-08:00\nb = 1979-05-27\nc = 07:32:00 # x\nd = [1979-05-27 07:32:00, 1]\n",
    "a = +1_000\nb = 0xdead\nc = -inf\nd = 6.6e-34\ne = true\nf = [nan]\n",
    'a = "# no comment" # [b]\n[c] # d = 1\n"" = 1\n',
]

names = st.text("abAB-_ .\"'\\é=#[]{}\n\t", max_size=4)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.text("ab\"'\\#[]{}=,.\n\té ", max_size=8),
    st.datetimes().map(lambda one: one.replace(microsecond=0)),
)
inline = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
tables = st.recursive(
    st.dictionaries(names, inline, max_size=3),
    lambda inner: st.dictionaries(names, st.one_of(inline, inner, st.lists(inner, min_size=1, max_size=2)), max_size=3),
    max_leaves=6,
)


def leaves(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    match value:
        case dict() if value or not key:
            for name, each in value.items():
                yield from leaves(each, (*key, name))
        case list() if value:
            for at, each in enumerate(value):
                yield from leaves(each, (*key, at))
        case _:
            yield key, value


def check(text: str) -> None:
    places, tables = Places(text), tomllib.loads(text)
    assert places.whole
    for key, value in leaves(tables):
        if value == {} and key not in places.values:
            assert key in places.keys or isinstance(key[-1], int)  # An empty table has only its header.
            continue
        span = places.values[key]
        assert repr(tomllib.loads(f"x = {text[span.start : span.end]}")["x"]) == repr(value)
        name = next(part for part in reversed(key) if isinstance(part, str))
        named = places.keys[key[: len(key) - next(n for n, part in enumerate(reversed(key)) if part == name)]]
        assert tomllib.loads(f"{text[named.start : named.end]} = 1") == {name: 1}
    assert {key for key in places.values if not any(one[: len(key)] == key for one, _ in leaves(tables))} == set()


@pytest.mark.parametrize("text", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_every_value_is_found_where_it_stands(text: str) -> None:
    check(text)


@budget(max_examples=40)
@given(tables)
def test_every_value_of_any_document_is_found_where_it_stands(values: dict[str, Any]) -> None:
    import tomlkit

    check(tomlkit.dumps(values))


@given(st.text("ab=[]{}\"'#,.\\\n 1", max_size=30))
def test_a_text_that_is_no_toml_is_read_as_far_as_it_is(text: str) -> None:
    places = Places(text)
    assert places.reached_at <= len(text)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert places.whole


def test_a_table_is_where_its_own_header_is_and_not_where_another_implies_it() -> None:
    text = "[apps.shop.limits]\npids = 1\n[apps.shop]\nrepo = 'x'\n"
    places = Places(text)
    assert places.line(places.of(("apps", "shop")).start) == 3
    assert places.line(places.of(("apps", "shop", "no", "such")).start) == 3
    assert places.line(places.of(("apps",)).start) == 1


def test_lines_and_columns_count_from_1_and_line_ends_of_windows_belong_to_the_line() -> None:
    places = Places("a = 1\r\n\r\nbc = 2")
    start = places.keys[("bc",)].start
    assert (places.line(start), places.column(start)) == (3, 1)
    assert places.offset(3, 1) == start
    assert places.line_span(3).end == len(places.text)


def test_deep_nesting_does_not_end_the_process() -> None:
    assert not Places("a = " + "[" * 100_000).whole
