"""Chooses among versions by a version or range as the npm world writes them (`20`, `^20.9 || >=22`, `v22.3.0`)."""

import re
from collections.abc import Iterable

_LONGEST = 200
_EXACT = re.compile(r"[v=\s]*(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+\S*)?\s*")
_ANY = frozenset({"", "latest", "stable", "current", "node"})


def is_range(wanted: str) -> bool:
    import nodesemver  # A start need not wait for it.

    return len(wanted) <= _LONGEST and nodesemver.valid_range(_plain(wanted), loose=True) is not None


def exact(wanted: str) -> str | None:
    """The one version that is wanted; None when it is a range."""
    found = _EXACT.fullmatch(wanted) if len(wanted) <= _LONGEST else None
    return found[1] if found else None


def fits(version: str, wanted: str) -> bool:
    return newest(wanted, (version,)) is not None


def newest(wanted: str, versions: Iterable[str]) -> str | None:
    """The newest of the versions that fits; a version before its release only when it is the one wanted."""
    if not is_range(wanted):
        return None
    import nodesemver

    found: str | None = nodesemver.max_satisfying(list(versions), _plain(wanted), loose=True)
    return found


def major(version: str) -> int:
    return int(version.split(".", 1)[0])


def _plain(wanted: str) -> str:
    """Commas are not the npm world's, but people write them."""
    wanted = wanted.replace(",", " ").strip()
    return "*" if wanted.lower() in _ANY else wanted
