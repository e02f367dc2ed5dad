"""Lockfiles: exactly the versions they name, checked against their hashes, without development groups."""

from deployd.builders.python.environment import INSTALL, UNCOMPILED, Environment, declared_packages
from deployd.builders.python.foreign_table import requirements_of
from deployd.builders.python.manifest import Manifests, table
from deployd.builders.python.own_package import install_own
from deployd.builders.python.pins import FOLLOW, read_pins
from deployd.builders.python.uv_arguments import index_options, quoted
from deployd.domain.errors import BuildFailed

_UV_SYNC = "uv sync --frozen --no-dev --no-editable"


def uv_lock(manifests: Manifests) -> Environment | None:
    """A member of a workspace has its lockfile at the top; its `.venv` is its own all the same."""
    project, top = manifests.project, manifests.project.top
    of_workspace = not project.has("uv.lock") and top is not None and top.has("uv.lock")
    if not (project.has("uv.lock") or of_workspace) or not project.has("pyproject.toml"):
        return None
    files = [project.path("pyproject.toml"), *(("uv.lock", "pyproject.toml") if of_workspace else ())]
    sync = f'VIRTUAL_ENV="$PWD/.venv" {_UV_SYNC} --active' if of_workspace else _UV_SYNC
    settings = table(manifests.pyproject, "tool", "uv")
    local = of_workspace or any(key in settings for key in ("workspace", "sources"))
    is_package = settings.get("package") is not False and (
        "build-system" in manifests.pyproject or "package" in settings
    )
    return Environment(
        source="uv.lock",
        install=(f"{sync} --no-install-local",),
        own=(f"{UNCOMPILED} {sync} --inexact",) if local or is_package else (),
        inputs=tuple(files) if of_workspace else (*files, project.path("uv.lock")),
        pinned=True,
        packages=declared_packages(manifests),
        reasons=("The project, or its neighbours, are packages and are installed, too.",)
        if local or is_package
        else (),
    )


def pylock(manifests: Manifests) -> Environment | None:
    if not manifests.project.has("pylock.toml"):
        return None
    return _locked(manifests, "pylock.toml", (f"{INSTALL} -r pylock.toml",), ())


def poetry_lock(manifests: Manifests) -> Environment | None:
    if not manifests.project.has("poetry.lock") or not (manifests.poetry or manifests.about):
        return None
    legacy = requirements_of(table(manifests.poetry, "dependencies"), versions=False)
    wanted = "-r pyproject.toml" if manifests.about.get("dependencies") else quoted(legacy)
    options = index_options(manifests.poetry.get("source"))
    return _locked(manifests, "poetry.lock", _pinned_install("poetry.lock", wanted, options), ("pyproject.toml",))


def pdm_lock(manifests: Manifests) -> Environment | None:
    if not manifests.project.has("pdm.lock") or not manifests.about:
        return None
    options = index_options(table(manifests.pyproject, "tool", "pdm").get("source"))
    return _locked(
        manifests, "pdm.lock", _pinned_install("pdm.lock", "-r pyproject.toml", options), ("pyproject.toml",)
    )


def pipfile_lock(manifests: Manifests) -> Environment | None:
    if not manifests.project.has("Pipfile.lock"):
        return None
    if not manifests.project.has("Pipfile"):
        raise BuildFailed("Pipfile.lock is here without its Pipfile: check that in, too.")
    wanted = quoted(requirements_of(table(manifests.pipfile, "packages"), versions=False))
    options = index_options(manifests.pipfile.get("source"))
    return _locked(manifests, "Pipfile.lock", _pinned_install("Pipfile.lock", wanted, options), ("Pipfile",))


def _pinned_install(lockfile: str, wanted: str, options: str) -> tuple[str, ...]:
    if not wanted:
        return ()
    return (read_pins(lockfile), f"{INSTALL}{options} {FOLLOW} {wanted}")


def _locked(manifests: Manifests, name: str, install: tuple[str, ...], others: tuple[str, ...]) -> Environment:
    own, reasons = install_own(manifests)
    return Environment(
        source=name,
        install=install,
        own=own,
        inputs=tuple(manifests.project.path(file) for file in (name, *others)),
        pinned=True,
        packages=declared_packages(manifests),
        reasons=reasons,
    )
