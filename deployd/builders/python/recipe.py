"""Python projects: uv makes a `.venv` inside the project; the Procfile or the framework found says what to run."""

import hashlib
import re
import tomllib
from typing import Any

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.python.web import guess_web
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(==\s*[\w.!+]+)?\s*(;[^#]*)?(#.*)?")
_VENV = "uv venv --quiet --relocatable --clear .venv"


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if project.has("requirements.txt"):
        steps, source, packages = _from_requirements(project.read("requirements.txt"))
    elif project.has("pyproject.toml"):
        steps, source, packages = _from_pyproject(project)
    else:
        return None
    why = f"Python: uv installs {source}, then"
    processes = dict(declared.processes)
    if "web" not in processes:
        processes["web"] = guess_web(project, packages)
    return BuildPlan(
        builder="python",
        why=f"{why} `{processes['web']}`.",
        steps=steps,
        processes=processes,
    )


def _from_requirements(text: str) -> tuple[tuple[str, ...], str, set[str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [_NAME.fullmatch(line) for line in lines]
    packages = {_package(name[1], name[2]) for line in lines if (name := _NAME.match(line))}
    install = "uv pip install --python .venv -r requirements.txt"
    # Only when every line names one version is an environment made earlier the same as one made now.
    pinned = all(match is not None and match[3] for match in found)
    return _reused(install, text) if pinned else (_VENV, install), "requirements.txt", packages


def _from_pyproject(project: Project) -> tuple[tuple[str, ...], str, set[str]]:
    text = project.read("pyproject.toml")
    manifest = _manifest(text)
    about = manifest.get("project")
    if not isinstance(about, dict):
        if "build-system" not in manifest:
            raise BuildFailed(
                "pyproject.toml has no [project] table: add one with `dependencies`, or a requirements.txt."
            )
        return (_VENV, "uv pip install --python .venv ."), "the project", set()
    packages = _packages(about)
    own = ("uv pip install --python .venv --no-deps .",) if "build-system" in manifest else ()
    if project.has("uv.lock"):
        install = "uv sync --frozen --no-dev --no-install-project"
        return (*_reused(install, text + project.read("uv.lock")), *own), "what uv.lock says", packages
    return (
        (_VENV, "uv pip install --python .venv -r pyproject.toml", *own),
        "the dependencies in pyproject.toml",
        packages,
    )


def _manifest(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BuildFailed(f"pyproject.toml cannot be read: {error}.") from error


def _packages(about: dict[str, Any]) -> set[str]:
    lines = about.get("dependencies", [])
    if not isinstance(lines, list):
        raise BuildFailed("pyproject.toml cannot be read: `dependencies` is not a list.")
    return {_package(name[1], name[2]) for line in lines if (name := _NAME.match(str(line)))}


def _package(name: str, extras: str | None) -> str:
    """`fastapi[standard]` brings its own server, so the extras are a part of the name here."""
    return re.sub(r"[-_.]+", "-", name).lower() + re.sub(r"\s", "", extras or "").lower()


def _reused(install: str, text: str) -> tuple[str, ...]:
    """Takes the environment of the last build when nothing about it has changed: a copy instead of an installation.

    KEPT is a folder of the cache that belongs to the interpreter; it holds one environment.
    """
    kept = f"$KEPT/{hashlib.sha256((install + text).encode()).hexdigest()[:24]}"
    return (
        f'rm -rf .venv; [ ! -d "{kept}" ] || cp -a "{kept}" .venv',
        f"[ -d .venv ] || {{ {_VENV} && {install}; }}",
        f'[ -d "{kept}" ] || {{ rm -rf "$KEPT"; mkdir "$KEPT"; cp -a .venv "$KEPT/new" && mv "$KEPT/new" "{kept}"; }}',
    )


RECIPE = Recipe(
    name="python",
    title="Python",
    detect=detect,
    rows=(Recognised(what="requirements.txt or pyproject.toml", how="uv installs; the framework found serves."),),
)
