"""What the manifests of a Python project say: pyproject.toml, Pipfile, setup.cfg and setup.py, whatever their shape."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

Table = dict[str, Any]

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """Parsed once for everything that detection asks them."""

    project: Project
    pyproject: Table
    pipfile: Table
    setup: Table

    @property
    def about(self) -> Table:
        return table(self.pyproject, "project")

    @property
    def poetry(self) -> Table:
        return table(self.pyproject, "tool", "poetry")


def read_manifests(project: Project) -> Manifests:
    """BuildFailed naming the file that is not of its own format. `setup` has the arguments of setup()."""
    return Manifests(
        project=project,
        pyproject=read_toml(project, "pyproject.toml"),
        pipfile=read_toml(project, "Pipfile"),
        setup={**_setup_cfg(project.text("setup.cfg")), **_setup_py(project.text("setup.py"))},
    )


def read_toml(project: Project, name: str) -> Table:
    """Empty when there is no such file."""
    try:
        return tomllib.loads(project.text(name).lstrip("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BuildFailed(f"{name} cannot be read: {error}.") from error


def table(value: Table, *keys: str) -> Table:
    """The table at the end of `keys`; empty when there is none."""
    for key in keys:
        found = value.get(key)
        value = found if isinstance(found, dict) else {}
    return value


def strings(value: object) -> tuple[str, ...]:
    """The texts of a list; empty when it is no list."""
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def package_names(requirements: Iterable[str]) -> frozenset[str]:
    """`fastapi[standard]` is there as `fastapi` and as `fastapi[standard]`, which may bring a server of its own."""
    names = set()
    for line in requirements:
        if found := _REQUIREMENT.match(line):
            name = normalized(found[1])
            names |= {name, *(f"{name}[{extra.strip().lower()}]" for extra in (found[2] or "").split(",") if extra)}
    return frozenset(names)


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _setup_cfg(text: str) -> Table:
    """Its own rules are loose: what cannot be read is left to setuptools to complain about."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    options = parser["options"] if parser.has_section("options") else {}
    found: Table = {key: options[key] for key in ("python_requires", "packages", "package_dir") if key in options}
    lines = options.get("install_requires", "").splitlines()
    return {**found, "install_requires": [line.strip() for line in lines if line.strip()]}


def _setup_py(text: str) -> Table:
    """The arguments that are written out; what is computed is known only once it runs, and nothing runs here."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == "setup"]
    found: Table = {}
    for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg):
        try:
            found[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return found


def _called(call: ast.Call) -> str:
    target = call.func
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
