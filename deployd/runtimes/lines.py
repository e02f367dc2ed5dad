"""Cuts the bytes that a program writes into lines; pure."""

MAX_LINE_BYTES = 64 * 1024
MAX_LINES = 1_000
CONTINUED = " ↩"
"""Stands at the end of a part of a line that was too long for one piece."""

_ROOM = MAX_LINE_BYTES - len(CONTINUED)
"""For the text of a part, so that with its mark nobody has to split it again."""

_LONGEST_WORD = 8 * 1024
_UTF8_CONTINUATION = range(0x80, 0xC0)


def cut_lines(data: bytes, start: int = 0, *, final: bool = False) -> tuple[tuple[str, ...], int]:
    """At most 1,000 whole lines from `start` on, and where the next begins; `final`: an unfinished last line too."""
    lines: list[str] = []
    while len(lines) < MAX_LINES and start < len(data):
        end = data.find(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end >= 0:
            lines.append(_text(data[start:end]))
            start = end + 1
        elif len(data) - start > MAX_LINE_BYTES:
            end = _word_end(data, start + _ROOM) or _character_end(data, start + _ROOM)
            lines.append(_text(data[start:end]) + CONTINUED)
            start = end
        elif final:
            lines.append(_text(data[start:]))
            start = len(data)
        else:
            break
    return tuple(lines), start


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


def _word_end(data: bytes, end: int) -> int:
    """Not in the middle of a value: of a secret that stands in two parts neither would be known as one. 0 for none."""
    return max(data.rfind(delimiter, end - _LONGEST_WORD, end) for delimiter in (b" ", b"\t", b'"', b"'")) + 1


def _character_end(data: bytes, end: int) -> int:
    """Not in the middle of a UTF-8 character, when it is UTF-8 at all."""
    for back in range(4):
        if data[end - back] not in _UTF8_CONTINUATION:
            return end - back
    return end
