"""Which file says what is installed, by which steps, and when a later build may take it over."""

from dataclasses import dataclass

import pytest

from deployd.builders.python.dependencies import SOURCES, find_environment
from deployd.builders.python.environment import Environment
from tests.deployd.builders.python.plans import Files, installs, manifests_of, planned

PROJECT = '[project]\nname = "shop"\ndependencies = ["flask>=3"]\n'
PACKAGE = PROJECT + '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
POETRY = (
    '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.11"\nflask = "^3.0"\n'
    'requests = {version = "*", extras = ["socks"]}\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n'
)
PIPFILE = '[packages]\nflask = "*"\ngunicorn = ">=22"\n[dev-packages]\npytest = "*"\n'
OWN = "UV_COMPILE_BYTECODE=0 uv pip install --python .venv --no-deps ."
SYNC = "uv sync --frozen --no-dev --no-editable"
PIP = "uv pip install --python .venv"
FOLLOW = "--prerelease allow -c .venv/pins.txt --override .venv/pins-git.txt"


def environment(files: Files, root: str = ".") -> Environment:
    found = find_environment(manifests_of(files, root))
    assert found is not None
    return found


@dataclass(frozen=True, kw_only=True)
class Case:
    files: Files
    source: str
    last: str
    own: tuple[str, ...] = ()
    pinned: bool = True


CASES = {
    "uv": Case(files={"uv.lock": "", "pyproject.toml": PROJECT}, source="uv.lock", last=f"{SYNC} --no-install-local"),
    "uv with a package": Case(
        files={"uv.lock": "", "pyproject.toml": PACKAGE},
        source="uv.lock",
        last=f"{SYNC} --no-install-local",
        own=(f"UV_COMPILE_BYTECODE=0 {SYNC} --inexact",),
    ),
    "uv with what is not to be a package": Case(
        files={"uv.lock": "", "pyproject.toml": PACKAGE + "[tool.uv]\npackage = false"},
        source="uv.lock",
        last=f"{SYNC} --no-install-local",
    ),
    "pylock": Case(
        files={"pylock.toml": "", "pyproject.toml": PROJECT}, source="pylock.toml", last=f"{PIP} -r pylock.toml"
    ),
    "poetry": Case(
        files={"poetry.lock": "", "pyproject.toml": POETRY},
        source="poetry.lock",
        last=f"{PIP} {FOLLOW} flask 'requests[socks]'",
    ),
    "poetry with a project table": Case(
        files={"poetry.lock": "", "pyproject.toml": PROJECT + "[tool.poetry]\npackage-mode = false"},
        source="poetry.lock",
        last=f"{PIP} {FOLLOW} -r pyproject.toml",
    ),
    "poetry with another index": Case(
        files={
            "poetry.lock": "",
            "pyproject.toml": POETRY
            + '[[tool.poetry.source]]\nname = "own"\nurl = "https://packages.example.com/simple"\n',
        },
        source="poetry.lock",
        last=f"{PIP} --index https://packages.example.com/simple --index-strategy unsafe-best-match {FOLLOW} "
        "flask 'requests[socks]'",
    ),
    "pdm": Case(
        files={"pdm.lock": "", "pyproject.toml": PROJECT}, source="pdm.lock", last=f"{PIP} {FOLLOW} -r pyproject.toml"
    ),
    "pipenv": Case(
        files={"Pipfile.lock": "{}", "Pipfile": PIPFILE}, source="Pipfile.lock", last=f"{PIP} {FOLLOW} flask gunicorn"
    ),
    "pipenv without a lockfile": Case(
        files={"Pipfile": PIPFILE}, source="Pipfile", last=f"{PIP} flask 'gunicorn>=22'", pinned=False
    ),
    "requirements": Case(
        files={"requirements.txt": "flask==3.1.3"}, source="requirements.txt", last=f"{PIP} -r requirements.txt"
    ),
    "requirements with a pyproject for tools": Case(
        files={"requirements.txt": "flask", "pyproject.toml": "[tool.ruff]"},
        source="requirements.txt",
        last=f"{PIP} -r requirements.txt",
        pinned=False,
    ),
    "requirements that install the project": Case(
        files={"requirements.txt": "-e .\nflask==3.1.3", "setup.py": ""},
        source="requirements.txt",
        last=f"{PIP} --no-editable -r requirements.txt",
        pinned=False,
    ),
    "pyproject": Case(
        files={"pyproject.toml": PROJECT}, source="pyproject.toml", last=f"{PIP} -r pyproject.toml", pinned=False
    ),
    "pyproject with pins": Case(
        files={"pyproject.toml": PROJECT.replace(">=3", "==3.1.3")},
        source="pyproject.toml",
        last=f"{PIP} -r pyproject.toml",
    ),
    "pyproject with a package": Case(
        files={"pyproject.toml": PACKAGE, "shop/__init__.py": ""},
        source="pyproject.toml",
        last=f"{PIP} -r pyproject.toml",
        own=(OWN,),
        pinned=False,
    ),
    "pyproject that computes its dependencies": Case(
        files={"pyproject.toml": '[project]\nname = "x"\ndynamic = ["dependencies"]'},
        source="pyproject.toml",
        last=f"{PIP} -r pyproject.toml",
        pinned=False,
    ),
    "pyproject of poetry without a lockfile": Case(
        files={"pyproject.toml": POETRY},
        source="pyproject.toml",
        last=f"{PIP} 'flask>=3.0,<4' 'requests[socks]'",
        pinned=False,
    ),
    "setup.py": Case(files={"setup.py": "setup()"}, source="setup.py", last=f"{PIP} .", pinned=False),
    "setup.cfg": Case(
        files={"setup.cfg": "[options]\ninstall_requires =\n  flask\n"},
        source="setup.cfg",
        last=f"{PIP} .",
        pinned=False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_strongest_file_says_what_is_installed(name: str) -> None:
    case = CASES[name]
    found = environment(case.files)
    assert (found.source, found.install[-1], found.own, found.pinned) == (case.source, case.last, case.own, case.pinned)


def test_a_project_without_dependencies_installs_nothing() -> None:
    assert installs(planned({"pyproject.toml": '[project]\nname = "x"', "main.py": ""})) == ()


@pytest.mark.parametrize("place", range(len(SOURCES)))
def test_a_stronger_file_goes_before_all_weaker_ones(place: int) -> None:
    pyproject = "[tool.x]" if place > 7 else PROJECT
    texts = {"setup.py": "setup()", "pyproject.toml": pyproject, "Pipfile": PIPFILE}
    needed = {name: texts[name] for name in ("pyproject.toml",)}
    files = {**needed, **{source.files[0]: texts.get(source.files[0], "") for source in SOURCES[place:]}}
    assert environment(files).source == SOURCES[place].files[0]


def test_a_second_lockfile_is_told_of() -> None:
    found = environment({"uv.lock": "", "poetry.lock": "", "pyproject.toml": PROJECT})
    assert found.reasons[0] == "uv.lock says which packages are installed; poetry.lock is not used beside it."


def test_what_decides_the_packages_is_an_input_of_them() -> None:
    assert environment(CASES["poetry"].files).inputs == ("poetry.lock", "pyproject.toml")
    assert environment(CASES["pipenv"].files).inputs == ("Pipfile.lock", "Pipfile")
    assert environment(CASES["uv"].files).inputs == ("pyproject.toml", "uv.lock")


def test_a_member_of_a_workspace_follows_the_lockfile_at_the_top_into_its_own_environment() -> None:
    files = {"uv.lock": "", "pyproject.toml": "[tool.uv.workspace]", "api/pyproject.toml": PROJECT}
    found = environment(files, "api")
    assert found.install == (f'VIRTUAL_ENV="$PWD/.venv" {SYNC} --active --no-install-local',)
    assert found.own == (f'UV_COMPILE_BYTECODE=0 VIRTUAL_ENV="$PWD/.venv" {SYNC} --active --inexact',)
    assert found.inputs == ("api/pyproject.toml", "uv.lock", "pyproject.toml")


def test_packages_are_known_by_their_plain_names() -> None:
    found = environment({"requirements.txt": "FastAPI[Standard] >= 0.1\ntyping_extensions\n"})
    assert found.packages == {"fastapi", "fastapi[standard]", "typing-extensions"}


def test_setup_py_is_read_without_running_it() -> None:
    files = {"setup.py": "import setuptools\nsetuptools.setup(name=NAME, install_requires=['flask>=3', 'gunicorn'])"}
    assert environment(files).packages == {"flask", "gunicorn"}


@pytest.mark.parametrize("text", ["def broken(", "setup(**everything)", "x = " + "(" * 500, "\0"])
def test_a_setup_py_that_cannot_be_read_is_left_to_setuptools(text: str) -> None:
    assert environment({"setup.py": text}).packages == frozenset()


def test_the_index_that_is_asked_anyway_is_not_named_again() -> None:
    source = '[[source]]\nname = "pypi"\nurl = "https://packages.example.com/simple"\n'
    assert environment({"Pipfile": source + PIPFILE}).install == (f"{PIP} flask 'gunicorn>=22'",)


def test_an_index_that_is_no_plain_address_never_gets_into_a_command() -> None:
    text = POETRY + '[[tool.poetry.source]]\nurl = "https://user:$TOKEN@x.example.com/$(id)"\n'
    assert "$(" not in environment({"poetry.lock": "", "pyproject.toml": text}).install[-1]


OWN_PACKAGE: dict[str, tuple[Files, str]] = {
    "flat": ({"pyproject.toml": PACKAGE, "shop/__init__.py": ""}, "is a package"),
    "below src": ({"pyproject.toml": PACKAGE, "src/shop/__init__.py": ""}, "is a package"),
    "one module": ({"pyproject.toml": PACKAGE, "shop.py": ""}, "is a package"),
    "hatch is told": (
        {"pyproject.toml": PACKAGE + "[tool.hatch.build.targets.wheel]\nonly-include = ['x']"},
        "is a package",
    ),
    "named differently": ({"pyproject.toml": PACKAGE, "app/__init__.py": ""}, "no package named like 'shop'"),
    "poetry, named differently": (
        {"pyproject.toml": POETRY + '[build-system]\nbuild-backend = "poetry.core.masonry.api"'},
        "no package named like",
    ),
    "poetry says it is none": (
        {"pyproject.toml": POETRY.replace('name = "shop"', "package-mode = false") + "[build-system]"},
        "not a package",
    ),
    "pdm says it is none": ({"pyproject.toml": PACKAGE + "[tool.pdm]\ndistribution = false"}, "not a package"),
    "setuptools with several folders": (
        {"pyproject.toml": PROJECT + "[build-system]", "app/a.py": "", "db/b.py": "", "tests/c.py": ""},
        "app, db",
    ),
    "setuptools with one folder": (
        {"pyproject.toml": PROJECT + "[build-system]", "app/a.py": "", "tests/c.py": ""},
        "is a package",
    ),
}


@pytest.mark.parametrize("case", OWN_PACKAGE)
def test_the_project_itself_is_installed_when_its_backend_could_build_it(case: str) -> None:
    files, told = OWN_PACKAGE[case]
    found = environment(files)
    assert any(told in reason for reason in found.reasons)
    assert found.own == ((OWN,) if told == "is a package" else ())
