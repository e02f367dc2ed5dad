"""Message text as Telegram counts it. Pure."""

import html
import re

from deployd.ports.chat import MAX_UNITS, units

_TAG = re.compile(r"</?[a-z][^<>]*>")


def plain(markup: str) -> str:
    """What is left to read when the markup is taken off."""
    return html.unescape(_TAG.sub("", markup))


def cut(text: str, limit: int = MAX_UNITS) -> str:
    """At most `limit` units, ending at a line border when there is one in the second half, marked with …"""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    border = kept.rfind("\n")
    return (kept[:border] if border > len(kept) // 2 else kept) + "…"
