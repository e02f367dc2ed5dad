"""Text from outside (log lines, commit messages, reasons, names) made harmless for the reader's terminal."""

import re

_ESCAPES = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and its like: titles, links, the clipboard
    r"|[ -/]*[0-~]"
    r")"
)
_JOINERS = "\u200c\u200d"
"""Not printable by themselves, but what holds emoji and some scripts together."""


def safe_text(text: str) -> str:
    """One line without escape sequences; a tab becomes spaces, a line end one, and what does not print U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_harmless, _ESCAPES.sub("", text).expandtabs()))


def _harmless(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if char in "\n\r" else "\ufffd"
