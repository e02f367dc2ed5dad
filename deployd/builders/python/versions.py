"""Which Python a project asks for, and which of its files says so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployd.builders.python.manifest import Manifests, table
from deployd.domain.build import Tool

_VERSION = re.compile(r"(?:c?python[-@]?)?(\d+(?:\.\d+){0,2})(?:t?|[-+]\S*)", re.I)
_RANGE = re.compile(r"[\d\s.,<>=!~^|*]{1,100}")
"""Poetry's carets and alternatives, too: whoever provides a Python reads them."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """`wanted` is as Python's own world writes it; empty when the file is there and cannot be understood."""

    where: str
    wanted: str


def python_tool(manifests: Manifests, settings: Mapping[str, str]) -> tuple[Tool, tuple[str, ...]]:
    """The tool to provide, and what there is to say about it. The strongest word wins, the others are told."""
    said = [Said(where="`tools.python`", wanted=settings["python"])] if "python" in settings else []
    said += [Said(where=name, wanted=wanted) for name, find in WHERE if (wanted := find(manifests)) is not None]
    clear = [one for one in said if one.wanted]
    reasons = [f"{one.where} names no version of Python and is not followed." for one in said if not one.wanted]
    if not clear:
        return Tool(name="python"), (*reasons, "No file says which Python: any that is at hand will do.")
    first = clear[0]
    others = [f"{one.where} ({one.wanted})" for one in clear[1:] if one.wanted != first.wanted]
    beside = f"; it goes before {', '.join(others)}" if others else ""
    return Tool(name="python", wanted=first.wanted), (*reasons, f"Python {first.wanted}, says {first.where}{beside}.")


def _python_version_file(manifests: Manifests) -> str | None:
    """pyenv lets it name an environment of its own, which says nothing to anyone else."""
    lines = _lines(manifests, ".python-version")
    if lines is None and manifests.project.top is not None and manifests.project.top.has(".python-version"):
        lines = manifests.project.top.text(".python-version").split()
    return None if lines is None else next((found for line in lines if (found := _exact(line))), "")


def _tool_versions(manifests: Manifests) -> str | None:
    words = [line.split() for line in _lines(manifests, ".tool-versions") or ()]
    found = next((line[1:] for line in words if line[0] == "python"), None)
    return None if found is None else next((version for word in found if (version := _exact(word))), "")


def _runtime_txt(manifests: Manifests) -> str | None:
    lines = _lines(manifests, "runtime.txt")
    return None if lines is None else next((found for line in lines if (found := _exact(line))), "")


def _pipfile(manifests: Manifests) -> str | None:
    requires = table(manifests.pipfile, "requires")
    said = requires.get("python_full_version") or requires.get("python_version")
    return None if said is None else _exact(str(said))


def _requires_python(manifests: Manifests) -> str | None:
    return _range(manifests.about.get("requires-python"))


def _poetry(manifests: Manifests) -> str | None:
    said = table(manifests.poetry, "dependencies").get("python")
    return None if said is None else _range(said)


def _setup(manifests: Manifests) -> str | None:
    return _range(manifests.setup.get("python_requires"))


def _lines(manifests: Manifests, name: str) -> list[str] | None:
    if not manifests.project.has(name):
        return None
    bare = (line.partition("#")[0].strip() for line in manifests.project.text(name).splitlines())
    return [line for line in bare if line]


def _exact(text: str) -> str:
    found = _VERSION.fullmatch(text.strip())
    return found[1] if found else ""


def _range(said: object) -> str | None:
    """None when nothing is said, or `*`, which says as much."""
    if said is None or (isinstance(said, str) and said.strip() in ("", "*")):
        return None
    return said.strip() if isinstance(said, str) and _RANGE.fullmatch(said) else ""


WHERE: tuple[tuple[str, Callable[[Manifests], str | None]], ...] = (
    (".python-version", _python_version_file),
    (".tool-versions", _tool_versions),
    ("runtime.txt", _runtime_txt),
    ("Pipfile", _pipfile),
    ("requires-python", _requires_python),
    ("Poetry's `python`", _poetry),
    ("setup.py", _setup),
)
"""The strongest first: a file that pins one version before a range of all that would do."""
