"""Where a Python project says which packages it needs, strongest first."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from deployd.builders.python import lockfiles, ranges
from deployd.builders.python.environment import Environment
from deployd.builders.python.manifest import Manifests
from deployd.domain.errors import BuildFailed

_CONDA = ("environment.yml", "environment.yaml", "conda-lock.yml")
_EXACT = "exactly those versions, checked against its hashes; development groups are left out"


@dataclass(frozen=True, kw_only=True)
class Source:
    """`files` are what makes it apply, any of them; `how` is for people."""

    files: tuple[str, ...]
    how: str
    read: Callable[[Manifests], Environment | None]
    lock: bool = False


SOURCES = (
    Source(files=("uv.lock",), how=f"`uv sync`: {_EXACT}; workspaces too", read=lockfiles.uv_lock, lock=True),
    Source(files=("pylock.toml",), how=_EXACT, read=lockfiles.pylock, lock=True),
    Source(files=("poetry.lock",), how=_EXACT, read=lockfiles.poetry_lock, lock=True),
    Source(files=("pdm.lock",), how=_EXACT, read=lockfiles.pdm_lock, lock=True),
    Source(files=("Pipfile.lock",), how=_EXACT, read=lockfiles.pipfile_lock, lock=True),
    Source(
        files=("requirements.txt", "requirements/production.txt", "requirements/base.txt", "requirements-prod.txt"),
        how="with all it includes; taken over from the last build when every line names one version with ==",
        read=ranges.requirements,
    ),
    Source(files=("Pipfile",), how="[packages]", read=ranges.pipfile),
    Source(
        files=("pyproject.toml",),
        how="[project] dependencies or [tool.poetry.dependencies]; the project itself when it is a package",
        read=ranges.pyproject,
    ),
    Source(files=("setup.py", "setup.cfg"), how="the project with all it needs", read=ranges.setup),
)
"""The first that applies counts: a lockfile before ranges of versions, the exact before the loose."""


def find_environment(manifests: Manifests) -> Environment | None:
    """None when no file asks for packages. BuildFailed for what only conda can install."""
    for place, source in enumerate(SOURCES):
        if found := source.read(manifests):
            later = (other.files[0] for other in SOURCES[place + 1 :] if other.lock)
            unused = [name for name in later if manifests.project.has(name)]
            beside = f"; {', '.join(unused)} is not used beside it" if unused else ""
            told = f"{found.source} says which packages are installed{beside}."
            return replace(found, reasons=(told, *found.reasons))
    if conda := manifests.project.first(*_CONDA):
        raise BuildFailed(f"{conda} is for conda, which is not supported: list the packages in requirements.txt.")
    return None
