"""The part of a long line that is shown: around what is marked in it."""

from collections.abc import Sequence

_CUT = "…"


def window(columns: Sequence[str], start: int, end: int, width: int) -> tuple[str, int, int]:
    """At most `width` columns, with … where the line is cut, and where the marked ones are among them.

    The mark may stand one beyond the line's end.
    """
    length = max(len(columns), end)
    if length <= width:
        return "".join(columns), start, end
    beside = max(width - (end - start), width // 4)  # Of a mark that does not fit the beginning is shown.
    first = max(min(start - beside // 2, length - width), 0)
    last = first + width
    shown = [*columns[first:last]]
    if first > 0:
        shown[0] = _CUT
    if last < length:
        shown[-1] = _CUT
    return "".join(shown), start - first, min(end, last) - first
