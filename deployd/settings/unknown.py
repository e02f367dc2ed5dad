"""msgspec's complaint about a key that there is not, with the one that was probably meant."""

import re

from deployd.domain.suggestion import nearest

_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")


def guess(complaint: str, shape: object) -> str | None:
    """None when it is about something else, or nothing is like it. `shape` is what was to be read."""
    found = _UNKNOWN.fullmatch(complaint)
    if found is None:
        return None
    from msgspec import inspect  # Only for mistakes.

    from deployd.settings.schema import fields, kind_of

    kind = kind_of(tuple(found[2].split(".")) if found[2] else (), inspect.type_info(shape))
    return None if kind is None else nearest(found[1], fields(kind))


def with_guess(complaint: str, shape: object) -> str:
    """To be put into a sentence: with neither capital nor full stop of its own."""
    close = guess(complaint, shape)
    return complaint if close is None else f"{complaint}: did you mean `{close}`?"
