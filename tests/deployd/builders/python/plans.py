"""Python projects made of names and texts, and what the recipes make of them."""

from collections.abc import Mapping
from typing import Any

from deployd.builders.project import Declared, Project
from deployd.builders.python import docs_site, recipe
from deployd.builders.python.manifest import Manifests, read_manifests
from deployd.domain.build import BuildPlan, BuildSettings

Files = Mapping[str, str]


def project_of(files: Files, root: str = ".") -> Project:
    return Project(files=frozenset(files), read=files.__getitem__).at(root)


def manifests_of(files: Files, root: str = ".") -> Manifests:
    return read_manifests(project_of(files, root))


def declared(processes: Mapping[str, str] | None = None, **settings: Any) -> Declared:
    return Declared(processes=dict(processes or {}), settings=BuildSettings(**settings))


def found(
    files: Files, processes: Mapping[str, str] | None = None, root: str = ".", **settings: Any
) -> BuildPlan | None:
    return recipe.detect(project_of(files, root), declared(processes, **settings))


def planned(files: Files, processes: Mapping[str, str] | None = None, root: str = ".", **settings: Any) -> BuildPlan:
    plan = found(files, processes, root, **settings)
    assert plan is not None
    return plan


def documented(files: Files, processes: Mapping[str, str] | None = None, **settings: Any) -> BuildPlan | None:
    return docs_site.detect(project_of(files), declared(processes, **settings))


def installs(plan: BuildPlan) -> tuple[str, ...]:
    """The steps after the one that makes `.venv`."""
    assert plan.dependencies is not None
    assert plan.dependencies.steps[0] == "uv venv --quiet --relocatable --clear .venv"
    return plan.dependencies.steps[1:]
