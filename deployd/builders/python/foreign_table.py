"""Dependencies as Poetry and Pipenv write them, in tables, turned into requirements as everyone else writes them."""

import re
from collections.abc import Iterator

from deployd.builders.python.manifest import Table, strings

_CARET_OR_TILDE = re.compile(r"([\^~])\s*(\d+(?:\.\d+)*)")
_BARE = re.compile(r"\d+(?:\.[\w*]+)*")


def requirements_of(packages: Table, *, versions: bool) -> tuple[str, ...]:
    """Without `versions` only names, extras, markers and places: what a lockfile does not settle.

    Leaves out what is optional and what says which Python is needed.
    """
    return tuple(
        requirement
        for name, said in packages.items()
        if name != "python"
        for one in (said if isinstance(said, list) else [said])
        for requirement in _requirement(name, one if isinstance(one, dict) else {"version": str(one)}, versions)
    )


def version_range(text: str) -> str:
    """`^3.11` becomes `>=3.11,<4`, `~3.11` becomes `>=3.11,<3.12`; empty for any, or when it cannot be said so."""
    parts = [
        _clause(part.strip()) for part in re.split(r"(?<![,\s])[,\s]++(?=[\^~<>=!\d*])", text.strip()) if part.strip()
    ]
    return "" if "||" in text or "|" in text else ",".join(part for part in parts if part)


def _clause(text: str) -> str:
    if text == "*":
        return ""
    found = _CARET_OR_TILDE.fullmatch(text)
    if found is None:
        return f"=={text}" if _BARE.fullmatch(text) else re.sub(r"\s", "", text)
    parts = [int(part) for part in found[2].split(".")]
    caret = next((place for place, part in enumerate(parts) if part), len(parts) - 1)
    place = caret if found[1] == "^" else min(1, len(parts) - 1)
    above = [*parts[:place], parts[place] + 1]
    return f">={found[2]},<{'.'.join(map(str, above))}"


def _requirement(name: str, said: Table, versions: bool) -> Iterator[str]:
    if said.get("optional") is True:
        return
    extras = ",".join(strings(said.get("extras")))
    named = f"{name}[{extras}]" if extras else name
    version = version_range(str(said.get("version", "*"))) if versions else ""
    place = _place(said)
    marker = " and ".join(_markers(said))
    yield f"{named}{f' @ {place}' if place else version}{f' ; {marker}' if marker else ''}"


def _place(said: Table) -> str:
    if git := said.get("git"):
        revision = next((said[key] for key in ("rev", "tag", "branch", "ref") if key in said), "")
        return f"git+{git}{f'@{revision}' if revision else ''}"
    return str(said.get("url") or said.get("path") or said.get("file") or "")


def _markers(said: Table) -> Iterator[str]:
    if marker := said.get("markers"):
        yield f"({marker})"
    if platform := said.get("platform"):
        yield f'sys_platform == "{platform}"'
    for key, value in said.items():
        if key in ("sys_platform", "os_name", "platform_system", "platform_machine"):
            yield f"{key} {value}"
    for clause in version_range(str(said.get("python", ""))).split(","):
        if found := re.fullmatch(r"([<>=!~]+)([\d.*]+)", clause):
            yield f'python_version {found[1]} "{found[2]}"'
