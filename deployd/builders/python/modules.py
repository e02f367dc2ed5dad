"""The Python files of a project in the order in which an app is looked for, and the names they are imported by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from deployd.builders.project import Project

USUAL = ("main.py", "app.py", "server.py", "api.py", "asgi.py", "wsgi.py", "application.py", "run.py", "__init__.py")
_MODULE = re.compile(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*\.py")
_ELSEWHERE = re.compile(r"(?:^|/)(?:tests?|testing|docs?|examples?|scripts|migrations|alembic|tools|bench)/")
_DEEPEST = 3
_MOST_FILES = 60


@dataclass(frozen=True, kw_only=True)
class Module:
    """`path` is what PYTHONPATH must hold for `name` to be found, empty when it is the project's folder itself."""

    file: str
    text: str
    name: str
    path: str = ""


def modules(project: Project) -> Iterator[Module]:
    """Read one by one: most projects say who they are in the first."""
    usual = {name: place for place, name in enumerate(USUAL)}

    def rank(name: str) -> tuple[int, int, str]:
        depth = name.count("/") - name.startswith("src/")
        return depth, usual.get(name[name.rfind("/") + 1 :], len(usual)), name

    names = sorted(map(rank, (name for name in project.files if name.endswith(".py"))))
    able = (name for depth, _, name in names if depth <= _DEEPEST and _may_hold_an_app(name))
    for name in islice(able, _MOST_FILES):
        yield module(project, name)


def module(project: Project, file: str) -> Module:
    text = project.text(file)
    folder = _path(project, file, text)
    inside = file.removeprefix(f"{folder}/") if folder else file
    return Module(file=file, text=text, name=dotted(inside), path=folder)


def _may_hold_an_app(name: str) -> bool:
    return _MODULE.fullmatch(name) is not None and _ELSEWHERE.search(name) is None


def dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _path(project: Project, file: str, text: str) -> str:
    """A folder that is no package itself, whose files import each other by their bare names, as src/ is meant to be."""
    top, slash, rest = file.partition("/")
    if not slash or project.has(f"{top}/__init__.py") or re.search(rf"^[ \t]*(from|import) {top}\b", text, re.M):
        return ""
    if top == "src":
        return top
    if "/" in rest:
        return ""
    imported = set(re.findall(r"^[ \t]*(?:from|import) (\w+)", text, re.M))
    beside = any(project.has(f"{top}/{name}.py", f"{top}/{name}/__init__.py") for name in imported)
    return top if beside else ""
