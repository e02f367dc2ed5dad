"""How uv fills the `.venv` of a Python project, as one of its files asks for it."""

from dataclasses import dataclass

from deployd.builders.project import Project
from deployd.builders.python.foreign_table import requirements_of
from deployd.builders.python.manifest import Manifests, package_names, strings, table
from deployd.domain.build import Dependencies

VENV = "uv venv --quiet --relocatable --clear .venv"
INSTALL = "uv pip install --python .venv"
UNCOMPILED = "UV_COMPILE_BYTECODE=0"
"""For the project's own package: uv would compile everything that is there already once more."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`install` fills `.venv`, `own` adds the project itself; `inputs` are relative to the repository.

    `pinned` when nothing but `inputs` decides what is installed. `packages` are the names asked for, lower case.
    """

    source: str
    install: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    pinned: bool = False
    packages: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()

    def dependencies(self, project: Project, extra: tuple[str, ...] = ()) -> Dependencies:
        """`extra` steps install what deployd adds by itself."""
        return Dependencies(
            steps=(VENV, *self.install, *extra),
            folders=(project.path(".venv"),),
            inputs=self.inputs,
            at=project.root,
            reusable=self.pinned,
        )


def declared_packages(manifests: Manifests) -> frozenset[str]:
    """What pyproject.toml, Pipfile and setup.py ask for; optional groups left out."""
    tables = (table(manifests.poetry, "dependencies"), table(manifests.pipfile, "packages"))
    lines = [line for packages in tables for line in requirements_of(packages, versions=False)]
    install_requires = manifests.setup.get("install_requires")
    return package_names([*strings(manifests.about.get("dependencies")), *strings(install_requires), *lines])
