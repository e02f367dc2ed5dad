"""Chooses versions of Node: what its release lines are called, and which of them are supported for long."""

import re
from collections.abc import Iterable, Sequence

from deployd.builders.toolchains import npm_range

NAMES = {
    "argon": 4,
    "boron": 6,
    "carbon": 8,
    "dubnium": 10,
    "erbium": 12,
    "fermium": 14,
    "gallium": 16,
    "hydrogen": 18,
    "iron": 20,
    "jod": 22,
    "krypton": 24,
}
OLDEST_MAINTAINED = 20
_LONG_LIVED_FROM_MINOR = 11
"""A line that is not in the table is supported for long from October on: 22 and 24 had come to their .11 then."""

_NPM = ((15, "6"), (17, "8"), (25, "10"))
"""The npm that Node brought along, below each major."""

_LTS = re.compile(r"lts(?:/(\*|-\d|[a-z]+))?|--lts", re.I)


def is_known(wanted: str) -> bool:
    return _LTS.fullmatch(wanted.strip()) is not None or npm_range.is_range(wanted)


def as_range(wanted: str, versions: Iterable[str] = ()) -> str:
    """The same as a plain range; `versions` are all there are, which tells the newest of the long-lived lines."""
    found = _LTS.fullmatch(wanted.strip())
    if found is None:
        return wanted
    name, lines = (found[1] or "*").lower(), long_lived(versions)
    if name == "*":
        return str(lines[-1])
    if name.startswith("-"):
        return str(lines[max(0, len(lines) - 1 - int(name[1:]))])
    return str(NAMES[name]) if name in NAMES else name


def fits_host(version: str, wanted: str) -> bool:
    """Whether the Node of the host will do. For `lts/*` any line that is at least as new as the newest known."""
    if not wanted.strip():
        return npm_range.major(version) >= OLDEST_MAINTAINED
    if as_range(wanted) == str(max(NAMES.values())):
        return npm_range.major(version) in long_lived((version,)) and npm_range.major(version) >= max(NAMES.values())
    return npm_range.fits(version, as_range(wanted))


def choose(wanted: str, versions: Sequence[str]) -> str | None:
    """The newest that fits of the lines supported for long; only where none of those fits, the newest of all."""
    wanted = as_range(wanted, versions) if wanted.strip() else str(long_lived(versions)[-1])
    lines = set(long_lived(versions))
    steady = [version for version in versions if npm_range.major(version) in lines]
    return npm_range.newest(wanted, steady) or npm_range.newest(wanted, versions)


def long_lived(versions: Iterable[str]) -> list[int]:
    """The majors supported for long, oldest first."""
    majors = set(NAMES.values())
    for version in versions:
        number, minor, *_ = (int(part) for part in re.findall(r"\d+", version)[:2])
        if number > max(NAMES.values()) and number % 2 == 0 and minor >= _LONG_LIVED_FROM_MINOR:
            majors.add(number)
    return sorted(majors)


def npm_of(version: str) -> str:
    """The range of npm that belongs to a version of Node."""
    return next((npm for below, npm in _NPM if npm_range.major(version) < below), "11")
