"""Whether a Python project is itself a package that can be installed, judged as its build backend would."""

import re

from deployd.builders.python.environment import INSTALL, UNCOMPILED
from deployd.builders.python.manifest import Manifests, normalized, strings, table

STEP = f"{UNCOMPILED} {INSTALL} --no-deps ."
"""Never editable: a release runs in another folder than the one it was built in."""

_NAMED_LIKE_IT = ("poetry", "hatchling", "flit", "uv_build", "pdm")
_SETUPTOOLS_SKIPS = re.compile(
    r"ci|bin|debian|docs?|documentation|manpages|news|newsfragments|changelog|tests?|unit_tests?|examples?|scripts|tools|"
    r"utils?|python|build|benchmarks?|exercises?|htmlcov|tasks|fabfile|site_scons|dist"
)
"""Folders at the top that setuptools does not take for a package when it has to guess."""


def install_own(manifests: Manifests) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps that install the project itself, and what there is to say about it."""
    if "build-system" not in manifests.pyproject and not manifests.project.has("setup.py"):
        return (), ()
    if _switched_off(manifests):
        return (), ("The project says that it is not a package, so only its dependencies are installed.",)
    reason = _why_not(manifests)
    return ((), (reason,)) if reason else ((STEP,), ("The project is a package and is installed itself, too.",))


def _switched_off(manifests: Manifests) -> bool:
    return (
        manifests.poetry.get("package-mode") is False
        or table(manifests.pyproject, "tool", "pdm").get("distribution") is False
        or table(manifests.pyproject, "tool", "uv").get("package") is False
    )


def _why_not(manifests: Manifests) -> str | None:
    backend = str(table(manifests.pyproject, "build-system").get("build-backend", "setuptools"))
    name = str(manifests.about.get("name") or manifests.poetry.get("name") or "")
    if backend.startswith(_NAMED_LIKE_IT):
        if name and not _says_its_packages(manifests) and not _has_package(manifests, name):
            return f"There is no package named like {name!r} here, so only the dependencies are installed."
        return None
    loose = _top_packages(manifests)
    if backend.startswith("setuptools") and len(loose) > 1 and not _says_its_packages(manifests):
        return (
            f"setuptools cannot tell which of {', '.join(loose[:4])} is the package: only dependencies are installed."
        )
    return None


def _says_its_packages(manifests: Manifests) -> bool:
    tools = table(manifests.pyproject, "tool")
    build = (table(tools, "hatch", "build"), table(tools, "pdm", "build"), table(tools, "flit"), table(tools, "uv"))
    return (
        any("packages" in place or "py-modules" in place for place in (manifests.poetry, table(tools, "setuptools")))
        or any(build)
        or any(key in manifests.setup for key in ("packages", "py_modules", "package_dir"))
        or "packages" in manifests.project.text("setup.py")
    )


def _has_package(manifests: Manifests, name: str) -> bool:
    module = normalized(name).replace("-", "_")
    places = (f"{prefix}{module}{ending}" for prefix in ("", "src/") for ending in ("/__init__.py", ".py"))
    return manifests.project.has(*places) or bool(strings(manifests.about.get("import-names")))


def _top_packages(manifests: Manifests) -> list[str]:
    """With a src/ folder setuptools looks only there."""
    if any(file.startswith("src/") for file in manifests.project.files):
        return []
    found = {file.split("/", 1)[0] for file in manifests.project.files if re.fullmatch(r"[A-Za-z_]\w*/.*\.py", file)}
    return sorted(name for name in found if not _SETUPTOOLS_SKIPS.fullmatch(name))
