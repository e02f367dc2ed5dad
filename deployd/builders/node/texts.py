"""Reads what people write by hand into configuration files: JSON with comments, scripts in JavaScript, loose types."""

import re
from typing import Any

import msgspec

_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?|`(?:\\.|[^`\\])*+`?)|//[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL
)
_TRAILING_COMMA = re.compile(r"""("(?:\\.|[^"\\])*+"?)|,(?=\s*[}\]])""", re.DOTALL)
"""What is opened and never closed goes to the end: to look for the end again from each quote takes hours."""


def without_comments(source: str) -> str:
    """JavaScript or JSON as it is, less its comments. A regular expression with quotes in it may hide one."""
    return _COMMENT.sub(lambda found: found[1] or " ", source)


def loose_json(source: str) -> dict[str, Any]:
    """The object in a file that may hold comments and trailing commas; empty when there is none."""
    plain = _TRAILING_COMMA.sub(lambda found: found[1] or "", without_comments(source.lstrip("\ufeff")))
    try:
        value = msgspec.json.decode(plain)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def table(value: object) -> dict[str, str]:
    """The entries whose values are text."""
    return {str(key): item for key, item in value.items() if isinstance(item, str)} if isinstance(value, dict) else {}


def within(value: object, *keys: str) -> object:
    """What lies under the keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
