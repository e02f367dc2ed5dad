"""What the shipped deployd.toml says about each key: its comments are the one place where that is written."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from deployd.domain.setting import Key
from deployd.settings.places import Places
from deployd.settings.schema import pattern

_PACKAGED = Path(__file__).with_name("reference.toml")
_ROOT = Path(__file__).parents[2] / "deployd.toml"
_EXAMPLE_MARK = re.compile(r"^#: ", re.M)
_EXAMPLE = re.compile(r"""such as (\[.*?\](?!\])|\{[^}]*\}|"[^"]*")""")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """`example` is a value, empty when there is none better than the default."""

    meaning: str
    example: str


def shipped() -> Path:
    """In a package the file lies beside this module, in a checkout at its root."""
    return _PACKAGED if _PACKAGED.exists() else _ROOT


@cache
def notes() -> dict[Key, Note]:
    """By the pattern of the key."""
    return dict(_notes(_EXAMPLE_MARK.sub("", shipped().read_text(encoding="utf-8"))))


def _notes(text: str) -> Iterator[tuple[Key, Note]]:
    places, lines = Places(text), text.split("\n")
    meaning, last = "", 0
    for each in places.statements:
        line = places.line(each.span.start)
        comment = _comment_above(lines, line)
        if comment or each.header or line > last + 1:  # Keys that follow one another share a comment.
            meaning = comment
        last = places.line(each.span.end)
        value = places.values.get(each.key)
        yield (
            pattern(each.key),
            Note(meaning=meaning, example=_example(meaning, value and text[value.start : value.end])),
        )


def _comment_above(lines: list[str], line: int) -> str:
    found: list[str] = []
    for each in reversed(lines[: line - 1]):
        if not each.startswith("# "):
            break
        found.insert(0, each.removeprefix("# "))
    return " ".join(found)


def _example(meaning: str, value: str | None) -> str:
    if value is None:
        return ""
    found = _EXAMPLE.search(meaning)
    if value in ('""', "[]", "{}"):
        return found[1] if found and found[1][0] == value[0] else ""
    return value
