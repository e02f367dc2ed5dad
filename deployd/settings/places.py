"""Where in a TOML text each key and each value stands, which tomllib does not say."""

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from deployd.domain.setting import Key

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_SCALAR = re.compile(
    r'"{3}(?:\\[\s\S]|[^\\])*?"{3,5}'
    r"|'{3}[\s\S]*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+"
    r"|[^\s,\]}#\[{\"']+"
)


class Span(NamedTuple):
    """`end` is one beyond the last character."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A `[header]`, or `key = value` in `table`; `key` is what it is about, seen from the top."""

    key: Key
    table: Key
    span: Span
    header: bool


class Places:
    """`keys` has each table and key where it is first named, or by a header of its own; `values` what stands behind
    `=` and in lists. Of a text that is no TOML the part before the mistake is read: `whole` is false then, `reached`
    the key of the statement that could not be read, and `reached_at` where that begins.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.keys: dict[Key, Span] = {}
        self.values: dict[Key, Span] = {}
        self.statements: list[Statement] = []
        self.whole = True
        self.reached: Key = ()
        self.reached_at = 0
        self._line_starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        _Reading(self).run()

    def of(self, key: Key, *, named: bool = False) -> Span:
        """Of its value, or of its name; of the nearest table that there is when it is not there itself."""
        if key in self.values and not named:
            return self.values[key]
        while key and key not in self.keys:
            key = key[:-1]
        return self.keys[key] if key else Span(0, 0)

    def line(self, offset: int) -> int:
        """Counted from 1."""
        return bisect_right(self._line_starts, offset)

    def column(self, offset: int) -> int:
        return offset - self._line_starts[self.line(offset) - 1] + 1

    def offset(self, line: int, column: int) -> int:
        return min(self._line_starts[min(line, len(self._line_starts)) - 1] + column - 1, len(self.text))

    def line_span(self, line: int) -> Span:
        """Without the line's end."""
        end = self._line_starts[line] - 1 if line < len(self._line_starts) else len(self.text)
        return Span(self._line_starts[line - 1], min(end, len(self.text)))


class _NotToml(Exception):
    """Reading on would be guessing."""


@dataclass
class _Reading:
    """Goes through the text once. It checks no more than it needs: that is tomllib's part."""

    into: Places
    at: int = 0
    table: Key = ()
    lists: dict[Key, int] = field(default_factory=dict)
    """How many tables each `[[list]]` has so far."""
    headed: set[Key] = field(default_factory=set)

    def run(self) -> None:
        text = self.into.text
        try:
            while self._skip(_BETWEEN) < len(text):
                self._header() if text[self.at] == "[" else self._pair(self.table, top=True)
                self._skip(_BLANK)
                if self.at < len(text) and text[self.at] not in "#\r\n":
                    raise _NotToml
        except (_NotToml, RecursionError):
            self.into.whole = False

    def _header(self) -> None:
        start = self.at
        of_list = self.into.text.startswith("[[", start)
        self.at += 2 if of_list else 1
        self.into.reached, self.into.reached_at = (), start
        parts = self._parts()
        self._expect("]]" if of_list else "]")
        key = self._named((), parts, headed=True)
        if of_list:
            self.lists[key] = self.lists.get(key, -1) + 1
            key = (*key, self.lists[key])
            self.into.keys[key] = parts[-1][1]
        elif key in self.lists:
            raise _NotToml
        self.table = self.into.reached = key
        self.into.statements.append(Statement(key, key, Span(start, self.at), header=True))

    def _pair(self, table: Key, *, top: bool = False) -> None:
        start = self.at
        if top:
            self.into.reached, self.into.reached_at = (*table, ""), start
        parts = self._parts()
        self._skip(_BLANK)
        key = self._named(table, parts)
        if top:
            self.into.reached = key
        self._expect("=")
        self._skip(_BLANK)
        self._value(key)
        if top:
            self.into.statements.append(Statement(key, table, Span(start, self.at), header=False))

    def _named(self, table: Key, parts: list[tuple[str, Span]], headed: bool = False) -> Key:
        """The key that a dotted name means; in a header the last table of a list stands for the list."""
        key = table
        for number, (name, span) in enumerate(parts):
            key = (*key, name)
            last = number == len(parts) - 1
            if headed and last and key not in self.headed:
                self.headed.add(key)
                self.into.keys[key] = span
            self.into.keys.setdefault(key, span)
            if headed and not last and key in self.lists:
                key = (*key, self.lists[key])
        return key

    def _parts(self) -> list[tuple[str, Span]]:
        parts: list[tuple[str, Span]] = []
        while True:
            self._skip(_BLANK)
            found = _KEY.match(self.into.text, self.at)
            if found is None:
                raise _NotToml
            parts.append((_name(found[0]), Span(*found.span())))
            self.at = found.end()
            self._skip(_BLANK)
            if not self.into.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _value(self, key: Key) -> None:
        start = self.at
        match self.into.text[start : start + 1]:
            case "[":
                self._list(key)
            case "{":
                self._inline_table(key)
            case _:
                found = _SCALAR.match(self.into.text, start)
                if found is None:
                    raise _NotToml
                self.at = found.end()
        self.into.values[key] = Span(start, self.at)

    def _list(self, key: Key) -> None:
        self.at += 1
        for number in range(len(self.into.text)):
            self._skip(_BETWEEN)
            if self.into.text.startswith("]", self.at):
                break
            self._value((*key, number))
            self._skip(_BETWEEN)
            if not self.into.text.startswith(",", self.at):
                break
            self.at += 1
        self._expect("]")

    def _inline_table(self, key: Key) -> None:
        self.at += 1
        self._skip(_BLANK)
        while not self.into.text.startswith("}", self.at):
            self._pair(key)
            self._skip(_BLANK)
            if not self.into.text.startswith(",", self.at):
                break
            self.at += 1
            self._skip(_BLANK)
        self._expect("}")

    def _skip(self, what: re.Pattern[str]) -> int:
        found = what.match(self.into.text, self.at)
        self.at = found.end() if found is not None else self.at
        return self.at

    def _expect(self, sign: str) -> None:
        if not self.into.text.startswith(sign, self.at):
            raise _NotToml
        self.at += len(sign)


def _name(written: str) -> str:
    if written[0] not in "\"'":
        return written
    if written[0] == "'" or "\\" not in written:
        return written[1:-1]
    try:
        return str(tomllib.loads(f"name = {written}")["name"])
    except tomllib.TOMLDecodeError:
        raise _NotToml from None
