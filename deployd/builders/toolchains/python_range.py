"""Chooses among Python versions by what projects write: `3.12`, `>=3.11,<3.13`, `3.11.*`, `^3.11`, `python-3.12.4`."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Loaded with the first build that asks for a Python: a start need not wait for it.
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

_LONGEST = 200
_PREFIX = re.compile(r"(?:c?python(?=[\d-])-?|v(?=\d))", re.I)
_GAP = re.compile(r"([<>=!~^])\s+")
_CARET = re.compile(r"\^(\d+)(\.\d+)*")
_TILDE = re.compile(r"~(?!=)(\d+)(?:\.(\d+))?(?:\.\d+)?")
_BARE = re.compile(r"\d+(\.\d+){0,1}")
_WILD = re.compile(r"(?:==?)?(\d+(?:\.\d+)?)\.[x*](?:\.[x*])?")
_EXACT = re.compile(r"\d+\.\d+\.\d+\S*")


class Unreadable(ValueError):
    """It is not a version or range of Python."""


def newest(wanted: str, versions: Iterable[str]) -> str | None:
    """The newest of the versions that fits; one before its release only when that is named.

    Unreadable unless `wanted` is a version or range.
    """
    alternatives = [(one, bool(one.prereleases)) for one in _specifiers(wanted)]
    fitting = [version for version in versions if any(one.contains(version, early) for one, early in alternatives)]
    return max(fitting, key=order, default=None)


def fits(version: str, wanted: str) -> bool:
    return newest(wanted, (version,)) is not None


def order(version: str) -> "Version":
    """What versions are sorted by."""
    from packaging.version import Version

    return Version(version)


def nearest(wanted: str, versions: Sequence[str]) -> str | None:
    """For one exact version: the newest that differs from it in bug fixes only."""
    exact = re.fullmatch(r"(?:==)?(\d+\.\d+)\.\d+", _trimmed(wanted))
    return newest(exact[1], versions) if exact else None


def _specifiers(wanted: str) -> "list[SpecifierSet]":
    """Poetry joins alternatives with `||`."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    if len(wanted) > _LONGEST:
        raise Unreadable
    try:
        return [SpecifierSet(",".join(map(_clause, _clauses(one)))) for one in _trimmed(wanted).split("||")]
    except (InvalidSpecifier, InvalidVersion) as error:
        raise Unreadable from error


def _trimmed(wanted: str) -> str:
    return _PREFIX.sub("", wanted.strip(), count=1).strip()


def _clauses(wanted: str) -> list[str]:
    return [clause for clause in re.split(r"[,\s]+", _GAP.sub(r"\1", wanted)) if clause not in ("", "*")]


def _clause(clause: str) -> str:
    if found := _CARET.fullmatch(clause):
        return f">={clause[1:]},<{int(found[1]) + 1}"
    if found := _TILDE.fullmatch(clause):
        above = f"{found[1]}.{int(found[2]) + 1}" if found[2] else str(int(found[1]) + 1)
        return f">={clause[1:]},<{above}"
    if found := _WILD.fullmatch(clause):
        return f"=={found[1]}.*"
    if _BARE.fullmatch(clause):
        return f"=={clause}.*"
    return f"=={clause}" if _EXACT.fullmatch(clause) else clause
