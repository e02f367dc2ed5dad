"""Log lines as a message shows them: the newest that fit, never half a line. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from actors.bot.post import escaped
from deployd.domain.log_line import LogLine
from deployd.ports.chat import MAX_UNITS, units

_LONGEST_LINE = 1000
_WRITTEN_OVER = re.compile(r"\r|\x1b\[[01]?G")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def log_text(line: LogLine) -> str:
    stamp = datetime.fromtimestamp(line.time_ms / 1000, UTC).strftime("%H:%M:%S")
    return f"{stamp} {line.process or line.source}  {line.text}"


def excerpt(lines: Sequence[str], room: int = MAX_UNITS) -> tuple[str, int]:
    """A <pre> block of at most `room` units, and how many of the last lines are in it ("" and 0 for none)."""
    kept: list[str] = []
    left = room
    for line in reversed(lines):
        shown = _one_line(line)
        left -= units(shown) + 1
        if left < 0:
            break
        kept.append(shown)
    if not kept:
        return "", 0
    return f"<pre>{escaped(chr(10).join(reversed(kept)))}</pre>", len(kept)


def _one_line(line: str) -> str:
    clean = next(filter(None, map(_plain, reversed(_WRITTEN_OVER.split(line)))), "")
    return clean if len(clean) <= _LONGEST_LINE else clean[: _LONGEST_LINE - 1] + "…"


def _plain(text: str) -> str:
    return _CONTROL.sub("", text).replace("\n", " ")
