"""A line of a file with marks under it, as deployd.settings.excerpt makes it, on a screen."""

import re

from deployd.cli.safe_text import safe_text
from deployd.cli.table import cells
from deployd.settings.window import window

_SOURCE = re.compile(r" *\d+ \| ")
_MARKS = re.compile(r"( +\| )\s*(\^+)")
_LEAST = 8
"""Columns of the line that are shown however narrow the screen is."""


def fitted(source: str, marks: str, width: int) -> tuple[str, str] | None:
    """The same two lines, cut to the screen around the mark; None when they are no such lines.

    Whether they are is seen in the text alone: many of them come out of the daemon's answers.
    """
    numbered, marked = _SOURCE.match(source), _MARKS.fullmatch(marks)
    if numbered is None or marked is None or numbered.end() != marked.end(1):
        return None
    margin, text, under = numbered.end(), safe_text(source), safe_text(marks)
    at = under.index("^")
    start = cells(text[margin:at])
    end = start + max(cells(text[at : len(under)]), 1)  # It may stand one beyond the line's end.
    shown, start, end = window(_columns(text[margin:]), start, end, max(width - margin, _LEAST))
    return text[:margin] + shown, marks[:margin] + " " * start + "^" * (end - start)


def _columns(text: str) -> list[str]:
    """One text for each column of the screen: a wide character is followed by an empty one."""
    columns: list[str] = []
    for char in text:
        room = cells(char)
        if room == 0 and columns:
            columns[-1] += char
        else:
            columns += [char, *[""] * (room - 1)]
    return columns
