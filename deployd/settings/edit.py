"""Changes one app's settings in the text of deployd.toml and leaves every other character as it is.

tomlkit writes the values. The document itself it does not change, since to it the comment above a table belongs to the
table before.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from deployd.domain.errors import UserMistake
from deployd.domain.setting import Key
from deployd.settings.places import Places, Statement


class CannotEdit(UserMistake):
    """The text is written in a way that is not understood well enough to change it."""


def changed(text: str, app: str, changes: Mapping[str, Any]) -> str:
    """`changes` is a merge patch (RFC 7396) of the app's table: None takes a key out, a table is changed key by key."""
    wanted = tomllib.loads(text)
    wanted["apps"][app] = merged(wanted["apps"][app], changes)
    return sure(_patched(text, ("apps", app), changes), wanted)


def merged(target: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a merge patch makes of a table."""
    made = dict(target) if isinstance(target, Mapping) else {}
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        elif isinstance(value, Mapping):
            made[name] = merged(made.get(name), value)
        else:
            made[name] = value
    return made


def without_app(text: str, app: str) -> str:
    wanted = tomllib.loads(text)
    del wanted["apps"][app]
    return sure(_without(text, ("apps", app)), wanted)


def lines_of_app(text: str, app: str) -> tuple[int, int] | None:
    """The first and the last line that say something of the app."""
    places = Places(text)
    own = [each.span for each in places.statements if each.key[:2] == ("apps", app)]
    if not own:
        return None
    return places.line(own[0].start), places.line(max(own[0].start, own[-1].end - 1))


def written(value: Any) -> str:
    """A value as it stands behind `=`."""
    import tomlkit  # It takes 80 ms to load, which a start shall not pay.

    if isinstance(value, Mapping) and not value:
        return "{}"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{named((name,))} = {written(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(each) for each in value)}]"
    return str(tomlkit.item(value).as_string())


def named(key: Key) -> str:
    """A key as it stands in front of `=` and in a header."""
    import tomlkit

    return ".".join(tomlkit.key(str(part)).as_string() for part in key)


def sure(text: str, wanted: dict[str, Any]) -> str:
    """What was not understood shows here, and is not written."""
    try:
        right = plain(tomllib.loads(text)) == plain(wanted)
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise CannotEdit("the way it is written there is not understood well enough to change it in place")
    return text


def plain(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty tables: whether one is there or not does not matter."""
    inner = {name: plain(each) if isinstance(each, Mapping) else each for name, each in tables.items()}
    return {name: each for name, each in inner.items() if each != {}}


def _patched(text: str, table: Key, changes: Mapping[str, Any]) -> str:
    for name, value in changes.items():
        key, now = (*table, name), _at(text, table).get(name)
        if value is None:
            text = _without(text, key)
        elif isinstance(value, Mapping) and isinstance(now, dict):
            text = _patched(text, key, value)
        else:
            text = _with(text, key, merged({}, value) if isinstance(value, Mapping) else value)
    return text


def _with(text: str, key: Key, value: Any) -> str:
    places = Places(text)
    if span := places.values.get(key):
        return text[: span.start] + written(value) + text[span.end :]
    if not any(each.key[: len(key)] == key for each in places.statements):
        return _inserted(text, places, key, value)
    return _with(_without(text, key), key, value)


def _inserted(text: str, places: Places, key: Key, value: Any) -> str:
    parent = key[:-1]
    if parent in places.values:  # { } on one line is written anew.
        return _with(text, parent, {**_at(text, parent), key[-1]: value})
    depth = len(parent)
    beside = [
        each
        for each in places.statements
        if not each.header and each.key[:depth] == parent and len(each.table) <= depth
    ]
    header = [each for each in places.statements if each.header and each.key == parent]
    if beside or header:
        anchor = [*header, *beside][-1]
        line = f"{_indent(text, places, anchor)}{named(key[len(anchor.table) :])} = {written(value)}"
        return _line_after(text, places, anchor, line)
    inside = [each for each in places.statements if each.header and each.key[: len(parent)] == parent]
    if not inside:
        return _with(text, parent, {**_at(text, parent), key[-1]: value})
    start = places.line_span(places.line(inside[0].span.start)).start
    end = _line_end(text)
    return text[:start] + f"[{named(parent)}]{end}{named(key[-1:])} = {written(value)}{end}{end}" + text[start:]


def _line_after(text: str, places: Places, anchor: Statement, line: str) -> str:
    at = places.line_span(places.line(max(anchor.span.start, anchor.span.end - 1))).end
    end = _line_end(text)
    if at < len(text):
        return text[: at + 1] + line + end + text[at + 1 :]
    return text + end + line + end


def _indent(text: str, places: Places, anchor: Statement) -> str:
    return text[places.line_span(places.line(anchor.span.start)).start : anchor.span.start]


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _at(text: str, key: Key) -> dict[str, Any]:
    tables: Any = tomllib.loads(text)
    for part in key:
        tables = tables.get(part, {}) if isinstance(tables, dict) else {}
    return tables if isinstance(tables, dict) else {}


def _without(text: str, key: Key) -> str:
    places = Places(text)
    own = [number for number, each in enumerate(places.statements) if each.key[: len(key)] == key]
    if not own:
        inline = key[:-1]
        if inline not in places.values:
            return text
        kept = {name: each for name, each in _at(text, inline).items() if name != key[-1]}
        return _with(text, inline, kept)
    gone = _Lines(places)
    for number in own:
        gone.add(number)
    return gone.left()


class _Lines:
    """Lines to be taken out: those of statements, and the comments and blank lines that belong to them."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lines = places.text.split("\n")
        self._gone: set[int] = set()

    def add(self, number: int) -> None:
        """A header takes everything with it up to the last line of its table."""
        statements = self._places.statements
        last = number
        while statements[number].header and last + 1 < len(statements) and not statements[last + 1].header:
            last += 1
        before = self._last_line(number - 1) if number else 0
        first, end = self._first_line(number), self._last_line(last)
        while first - 1 > before and self._is_comment(first - 1):
            first -= 1
        if statements[number].header:
            end = self._with_space(first, self._with_comments(end, last))
        self._gone.update(range(first, end + 1))

    def left(self) -> str:
        kept = [line for number, line in enumerate(self._lines, 1) if number not in self._gone]
        if max(self._gone) >= len(self._lines) - 1:
            while len(kept) > 1 and not kept[-1].strip() and not kept[-2].strip():
                kept.pop()
        return "\n".join(kept)

    def _with_comments(self, end: int, last: int) -> int:
        """The comments right below, unless they stand right above the next table and so belong to that."""
        after = end + 1
        while after <= len(self._lines) and self._is_comment(after):
            after += 1
        following = self._places.statements[last + 1 : last + 2]
        return end if following and self._first_line(last + 1) == after else after - 1

    def _with_space(self, first: int, end: int) -> int:
        """With the blank lines below when there are some above, so that no gap is left behind."""
        if first == 1 or self._is_blank(first - 1):
            while end < len(self._lines) - 1 and self._is_blank(end + 1):
                end += 1
        return end

    def _first_line(self, number: int) -> int:
        return self._places.line(self._places.statements[number].span.start)

    def _last_line(self, number: int) -> int:
        span = self._places.statements[number].span
        return self._places.line(max(span.start, span.end - 1))

    def _is_comment(self, line: int) -> bool:
        return self._lines[line - 1].lstrip().startswith("#")

    def _is_blank(self, line: int) -> bool:
        return not self._lines[line - 1].strip()
