"""What every line goes through before it is stored: secrets out, a level guessed, over-long text split."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from deployd.domain.log_line import Level, NewLine, Source
from deployd.logs.level import guess_level
from deployd.logs.redaction import Redactor

LINE_CHARS = 64 * 1024
CONTINUED = "↪ "
"""Opens every further piece of a line that was split."""

_GUESSED = (Source.APP, Source.BUILD)


def prepared(lines: Iterable[NewLine], redactor: Redactor) -> list[NewLine]:
    """CPU work for a thread. Redacts before it splits, so that no secret hides across two pieces."""
    return [piece for line in lines for piece in _pieces(line, _storable(redactor.redact(line.app, line.text)))]


def _pieces(line: NewLine, text: str) -> Iterator[NewLine]:
    level = line.level
    if level is Level.INFO and line.source in _GUESSED:
        level = guess_level(text)
    if len(text) <= LINE_CHARS:
        # Most lines pass unchanged, and making a Struct anew costs more than all the checks.
        unchanged = text is line.text and level is line.level
        yield line if unchanged else replace(line, text=text, level=level)
        return
    for start in range(0, len(text), LINE_CHARS):
        mark = CONTINUED if start else ""
        yield replace(line, text=mark + text[start : start + LINE_CHARS], level=level)


def _storable(text: str) -> str:
    """Lone surrogates cannot be written as UTF-8, and one of them would refuse the whole batch."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
