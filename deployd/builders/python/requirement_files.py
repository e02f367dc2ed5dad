"""requirements.txt and its relatives: which one counts, what it includes, and whether it names every version."""

import posixpath
import re
from dataclasses import dataclass

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

USUAL = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements/common.txt",
    "requirements/requirements.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements_prod.txt",
    "requirements-base.txt",
)
_ANY = re.compile(r"requirements?[\w.-]*\.txt")
_NOT_TO_RUN = re.compile(r"dev|test|doc|lint|ci\b|type|build|bench|example|local", re.I)
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]*\S")
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*+\s*+(\[[^\]]*\]\s*+)?={2,3}\s*+[\w.!+]++\s*+(;.*)?")
_MOST_FILES = 50


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """`files` are all that were read, relative to the repository; `pinned` when every line names one version."""

    name: str
    lines: tuple[str, ...]
    files: tuple[str, ...]
    pinned: bool
    editable: bool


def find_requirements(project: Project) -> str | None:
    """The file that lists what the app runs with; never one that is for development."""
    usual = project.first(*USUAL)
    if usual is not None:
        return usual
    other = sorted(name for name in project.files if _ANY.fullmatch(name) and not _NOT_TO_RUN.search(name))
    return other[0] if other else None


def read_requirements(project: Project, name: str) -> Requirements:
    """With everything it includes. BuildFailed when a file of it is not text as UTF-8."""
    whole = project.top or project
    unread, files = [(project.path(name), False)], dict[str, None]()
    lines: list[str] = []
    while unread and len(files) < _MOST_FILES:
        path, constraint = unread.pop(0)
        if path in files:
            continue
        files[path] = None
        for line in _lines(path, whole.text(path)):
            if found := _INCLUDE.fullmatch(line):
                included = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
                unread.append((included, constraint or found[1] in ("-c", "--constraint")))
            elif not constraint:
                lines.append(line)
    wanted = [line for line in lines if not line.startswith("-") or _EDITABLE.match(line)]
    return Requirements(
        name=name,
        lines=tuple(wanted),
        files=tuple(files),
        pinned=not unread and all(_PINNED.fullmatch(line) for line in wanted),
        editable=any(_EDITABLE.match(line) for line in wanted),
    )


def is_pinned(requirement: str) -> bool:
    return _PINNED.fullmatch(requirement.strip()) is not None


def _lines(path: str, text: str) -> list[str]:
    """Without comments and hashes, continued lines as one."""
    if "\0" in text:
        raise BuildFailed(f"{path} is not UTF-8 text (PowerShell writes UTF-16): save it as UTF-8.")
    joined = re.sub(r"\\\r?\n", " ", text.lstrip("\ufeff"))
    bare = (re.sub(r"(^|\s)#.*|\s--hash[=\s]\S+", "", line).strip() for line in joined.splitlines())
    return [line for line in bare if line]
