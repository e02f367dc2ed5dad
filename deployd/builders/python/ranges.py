"""Files that name ranges of versions, or pin them themselves: requirements.txt, Pipfile, pyproject.toml, setup.py."""

from collections.abc import Sequence

from deployd.builders.python.environment import INSTALL, Environment, declared_packages
from deployd.builders.python.foreign_table import requirements_of
from deployd.builders.python.manifest import Manifests, package_names, strings, table
from deployd.builders.python.own_package import install_own
from deployd.builders.python.requirement_files import find_requirements, is_pinned, read_requirements
from deployd.builders.python.uv_arguments import index_options, quoted


def requirements(manifests: Manifests) -> Environment | None:
    name = find_requirements(manifests.project)
    if name is None:
        return None
    found = read_requirements(manifests.project, name)
    options = " --no-editable" if found.editable else ""
    return Environment(
        source=name,
        install=(f"{INSTALL}{options} -r {name}",),
        inputs=found.files,
        pinned=found.pinned,
        packages=package_names(found.lines) | declared_packages(manifests),
        reasons=("What it installs as editable is copied instead: a release runs elsewhere.",)
        if found.editable
        else (),
    )


def pipfile(manifests: Manifests) -> Environment | None:
    if not manifests.project.has("Pipfile"):
        return None
    wanted = requirements_of(table(manifests.pipfile, "packages"), versions=True)
    return _unlocked(manifests, "Pipfile", quoted(wanted), wanted, index_options(manifests.pipfile.get("source")))


def pyproject(manifests: Manifests) -> Environment | None:
    about, poetry = manifests.about, manifests.poetry
    if about.get("dependencies") or "dependencies" in strings(about.get("dynamic")):
        wanted = strings(about.get("dependencies"))
        return _unlocked(manifests, "pyproject.toml", "-r pyproject.toml", wanted or ("",), "")
    if table(poetry, "dependencies"):
        wanted = requirements_of(table(poetry, "dependencies"), versions=True)
        return _unlocked(manifests, "pyproject.toml", quoted(wanted), wanted, index_options(poetry.get("source")))
    if about and not manifests.project.has("setup.py", "setup.cfg"):
        return _unlocked(manifests, "pyproject.toml", "", (), "")
    return None


def setup(manifests: Manifests) -> Environment | None:
    """`setup.py` is a program: only installing the project tells what it needs."""
    name = manifests.project.first("setup.py", "setup.cfg")
    if name is None or not (name == "setup.py" or manifests.setup.get("install_requires") or _builds(manifests)):
        return None
    return Environment(source=name, install=(f"{INSTALL} .",), packages=declared_packages(manifests))


def _builds(manifests: Manifests) -> bool:
    return "build-system" in manifests.pyproject


def _unlocked(manifests: Manifests, name: str, wanted: str, lines: Sequence[str], options: str) -> Environment:
    own, reasons = install_own(manifests)
    return Environment(
        source=name,
        install=(f"{INSTALL}{options} {wanted}",) if wanted else (),
        own=own,
        inputs=(manifests.project.path(name),),
        pinned=all(is_pinned(line) for line in lines),
        packages=declared_packages(manifests),
        reasons=reasons,
    )
