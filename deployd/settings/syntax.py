"""Why a text is no TOML, in words for somebody who writes it by hand."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator

from deployd.settings.places import Places, Span, Statement
from deployd.settings.shape import shown

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_WORD = re.compile(r"[^\s,\]}#]*")
_TWICE = ("Cannot overwrite a value", "Cannot declare", "Duplicate inline table key")
_INTEGER = re.compile(r"[+-]?(\d[\d_]*)(?![\d_.eE])")
_SPELLED = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_CURLY = "\u201c\u201d\u201e\u2018\u2019"

Why = Callable[[Places, int], str]


def mistakes_of_syntax(places: Places, error: ValueError | RecursionError) -> Iterator[tuple[Span, str]]:
    """One, or every name that stands twice: what comes after another mistake cannot be read for sure."""
    match error:
        case tomllib.TOMLDecodeError():
            yield from _not_toml(places, error)
        case RecursionError():
            yield _deepest(places), "The lists or tables here are nested too deeply."
        case _:
            yield from _too_long(places, error)


def _deepest(places: Places) -> Span:
    """Where reading places ended, too, as it goes no deeper than tomllib; else they are about as deep as both can."""
    if not places.whole:
        return Span(places.reached_at, places.reached_at)
    return places.values[max(places.values, key=len)]


def _too_long(places: Places, error: ValueError) -> Iterator[tuple[Span, str]]:
    """It is TOML, but more digits than `sys.get_int_max_str_digits()` take too long to be made a number of."""
    for span in sorted(places.values.values()):
        found = _INTEGER.match(places.text, span.start, span.end)
        digits = len(found[1].replace("_", "")) if found else 0
        if digits > sys.get_int_max_str_digits():
            yield span, f"A number of {digits:,} digits is too long to be read."
            return
    yield Span(places.reached_at, places.reached_at), f"Not readable: {str(error).rstrip('.')}."


def _not_toml(places: Places, error: tomllib.TOMLDecodeError) -> Iterator[tuple[Span, str]]:
    what = _PLACE.sub("", str(error))
    at = _offset(places, str(error))
    if what.startswith(_TWICE):
        yield from _named_twice(places, at)
        return
    if what.startswith(_ESCAPE):
        at = max(places.text.rfind("\\", 0, at), 0)
    why = next((why for start, why in _WHY.items() if what.startswith(start)), None)
    if what.startswith(_UNCLOSED) and not places.whole:
        at = places.reached_at
    yield Span(at, at), f"Not valid TOML: {why(places, at) if why else what}."


def _offset(places: Places, message: str) -> int:
    found = _PLACE.search(message)
    if found is None or found[1] is None:
        return len(places.text.rstrip())
    return places.offset(int(found[1]), int(found[2]))


def _named_twice(places: Places, at: int) -> Iterator[tuple[Span, str]]:
    first: dict[tuple[str | int, ...], Statement] = {}
    found = False
    for each in places.statements:
        before = first.setdefault(each.key, each)
        if before is not each:
            found = True
            yield each.span, _twice(places, each, before)
    if found:
        return
    for each in places.statements:
        if each.span.start <= at <= each.span.end:
            before = next((one for one in places.statements if _same_start(one, each)), each)
            what = f"[{shown(each.key)}]" if each.header else f"`{shown(each.key)}`"
            yield (
                each.span,
                f"Not valid TOML: {what} cannot stand beside line {places.line(before.span.start)}, "
                "which has set it already.",
            )
            return
    yield Span(at, at), "Not valid TOML: a name stands twice."


def _twice(places: Places, again: Statement, first: Statement) -> str:
    line = places.line(first.span.start)
    if again.header and first.header:
        return f"Not valid TOML: the table [{shown(again.key)}] stands in line {line} already: put its keys there."
    return f"Not valid TOML: `{shown(again.key)}` is set in line {line} already: leave one of them out."


def _same_start(one: Statement, other: Statement) -> bool:
    length = min(len(one.key), len(other.key))
    return one is not other and one.key[:length] == other.key[:length]


# Why, for each way in which tomllib begins its sentence.


def _no_equals_sign(places: Places, at: int) -> str:
    if places.text[at : at + 1] == ":":
        return "a key and its value are joined by =, not by :"
    line = places.line_span(places.line(at))
    if "=" in places.text[at : line.end]:
        return "a key that is more than one word stands in quotes"
    return "`=` and a value are missing behind the key"


def _no_value(places: Places, at: int) -> str:
    word = _WORD.match(places.text, at)
    found = word[0] if word else ""
    if not found:
        return "a value is missing"
    if found[0] in _CURLY:
        return 'text stands in straight quotes: "…"'
    if found.lower() in _SPELLED:
        return f"write {_SPELLED[found.lower()]}"
    return 'text stands in quotes: "…"'


def _more_behind(places: Places, at: int) -> str:
    line = places.line_span(places.line(at))
    value = places.text[line.start : at].partition("=")[2].strip()
    if value == "0" and places.text[at : at + 1].isdigit():
        return "a number does not begin with 0"
    if "=" in places.text[at : line.end]:
        return "each key stands on a line of its own"
    if places.text[line.start : at].lstrip().startswith("["):
        return "nothing may stand behind the ] of a table's line"
    if value[:1].isdigit() or value[:1] in ("t", "f"):
        return 'text stands in quotes: "…"'
    return "nothing may stand behind a value but a # comment"


def _illegal(places: Places, at: int) -> str:
    if places.text[at : at + 1] in ("\n", "\r", ""):
        return "the quotes are not closed on this line"
    return "a control character stands here"


def _no_bracket(places: Places, at: int) -> str:
    if places.text[at : at + 1].strip():
        return "a table's name is one word, or stands in quotes, and ] closes it"
    return "`]` is missing at the end of the table's name"


def _always(text: str) -> Why:
    return lambda places, at: text


_ESCAPE = "Unescaped '\\'"
_UNCLOSED = ("Unterminated string", 'Expected "', "Expected \"'")
_WHY: dict[str, Why] = {
    "Expected '=' after": _no_equals_sign,
    "Invalid value": _no_value,
    "Expected newline": _more_behind,
    "Illegal character": _illegal,
    "Expected ']'": _no_bracket,
    "Expected ']]'": _no_bracket,
    "Unclosed array": _always("`,` or `]` is missing in front of this in the list"),
    "Unclosed inline table": _always("`,` or `}` is missing in front of this; { } must be on one line"),
    "Invalid initial character for a key part": _always(
        "a name is missing here; { } must be on one line, with no comma before the }"
    ),
    _ESCAPE: _always(r"in double quotes \ is written \\, and single quotes take it as it is"),
    "Invalid statement": _always("a line is `[table]` or `key = value`"),
    "Unterminated string": _always("its quotes are not closed"),
    'Expected "': _always("its quotes are not closed"),
}
