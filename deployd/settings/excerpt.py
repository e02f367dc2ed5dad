"""The line of deployd.toml that a mistake is about, with the place marked and what is secret left out."""

import re

from deployd.domain.setting import Key
from deployd.settings.places import Places, Span
from deployd.settings.schema import is_secret
from deployd.settings.window import window

_LEFT_OUT = "…"
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
_HARMLESS = re.compile(r"\s*(?:\[{1,2}[^\]\"'=]*\]{0,2}|[A-Za-z0-9_. -]+[=:])?")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")
_LONGEST = 160
_LONGEST_READ = 4_000


def excerpt(places: Places, span: Span) -> str:
    """Two lines, for people: the source and the marks under it."""
    number = places.line(span.start)
    line = places.line_span(number)
    text, start, end = _without(places.text, line, _hidden(places, line, number), span)
    text, start, end = window(text, start, max(end, start + 1), _LONGEST)
    pad = re.sub(r"[^\t]", " ", text[:start])  # A tab is as wide under the line as in it.
    return f"{number:5} | {text}\n{'':5} | {pad}{'^' * (end - start)}"


def without_credentials(text: str) -> str:
    return _CREDENTIALS.sub(_LEFT_OUT, text)


def _hidden(places: Places, line: Span, number: int) -> list[Span]:
    credentials = [Span(*found.span()) for found in _CREDENTIALS.finditer(places.text, line.start, line.end)]
    if not places.whole and line.end >= places.reached_at:
        return [*credentials, *_hidden_in_unread(places, line, number)]
    secret = [
        value
        for key, value in places.values.items()
        if value.start <= line.end
        and value.end >= line.start
        and places.text[value.start] not in "[{"
        and (is_secret(key) or _may_hold_login(key, places.text[value.start : value.end]))
    ]
    return [*credentials, *(Span(max(each.start, line.start), min(each.end, line.end)) for each in secret)]


def _hidden_in_unread(places: Places, line: Span, number: int) -> list[Span]:
    """Of a statement that makes no sense nothing is known but its key, and of the lines after its first nothing."""
    if places.line(places.reached_at) == number and not _is_hidden(places.reached, places.text[line.start : line.end]):
        return []
    shown = _HARMLESS.match(places.text, line.start, line.end)
    return [Span(shown.end() if shown else line.start, line.end)]


def _is_hidden(key: Key, line: str) -> bool:
    return bool(key) and (is_secret(key) or _may_hold_login(key, line))


def _may_hold_login(key: Key, text: str) -> bool:
    """Whatever stands before an @: where it ends is not known of an address that is not well written."""
    return key[-1:] == ("repo",) and "@" in text


def _without(text: str, line: Span, hidden: list[Span], marked: Span) -> tuple[str, int, int]:
    """The line without what is hidden, and where the marked part is in it."""
    shown, columns, was_hidden = "", list[int](), False
    end = min(line.end - text.endswith("\r", line.start, line.end), line.start + _LONGEST_READ)
    for at in range(line.start, end):
        is_hidden = any(each.start <= at < each.end for each in hidden)
        columns.append(len(shown) - (is_hidden and was_hidden))
        if not is_hidden:
            shown += text[at] if text[at].isprintable() or text[at] == "\t" else _UNPRINTABLE
        elif not was_hidden:
            shown += _LEFT_OUT
        was_hidden = is_hidden
    columns.append(len(shown))
    first, last = (min(max(each, line.start), end) - line.start for each in marked)
    return shown, columns[first], columns[last]
