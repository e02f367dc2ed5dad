"""The known word that a mistyped one was probably meant to be."""

from collections.abc import Iterable

_SIMILAR = 0.75


def nearest(word: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # Only for mistakes.

    by_folded = {one.lower().replace("-", "_"): one for one in known}
    close = get_close_matches(word.lower().replace("-", "_"), by_folded, n=1, cutoff=_SIMILAR)
    return by_folded[close[0]] if close else None
