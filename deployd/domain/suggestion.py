"""What a person may have meant with a name that is not there."""

from collections.abc import Iterable

_MOST_LETTERS_APART = 4
_MOST_COMPARED = 500
"""Comparing takes some 20 µs each, on the event loop of the daemon."""
_SIMILAR = 0.75


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """` Did you mean 'web'?` with the space in front of it, or nothing."""
    from difflib import get_close_matches  # Only for mistakes.

    alike = [name for name in known if abs(len(name) - len(given)) <= _MOST_LETTERS_APART][:_MOST_COMPARED]
    near = get_close_matches(given.lower(), alike, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one word that was probably meant, whatever its case and its dashes."""
    from difflib import get_close_matches  # Only for mistakes.

    by_folded = {one.lower().replace("-", "_"): one for one in known}
    close = get_close_matches(word.lower().replace("-", "_"), by_folded, n=1, cutoff=_SIMILAR)
    return by_folded[close[0]] if close else None
