"""Which Python is asked for: who says it, and what is said of the others."""

import pytest

from deployd.builders.python.versions import python_tool
from deployd.domain.build import Tool
from tests.deployd.builders.python.plans import Files, manifests_of

WANTED: dict[str, tuple[Files, str]] = {
    "nothing said": ({}, ""),
    ".python-version": ({".python-version": "3.12\n"}, "3.12"),
    ".python-version with a comment": ({".python-version": "# why\n3.12.1  # here\n"}, "3.12.1"),
    ".python-version of uv": ({".python-version": "cpython-3.13.0-linux-x86_64-gnu"}, "3.13.0"),
    ".python-version with an environment": ({".python-version": "shop-env\n3.11.4"}, "3.11.4"),
    ".tool-versions": ({".tool-versions": "nodejs 20.1\npython 3.11.7 3.10.0\n"}, "3.11.7"),
    ".tool-versions without python": ({".tool-versions": "nodejs 20.1\n"}, ""),
    "runtime.txt": ({"runtime.txt": "python-3.12.1\n"}, "3.12.1"),
    "Pipfile": ({"Pipfile": '[requires]\npython_version = "3.11"'}, "3.11"),
    "Pipfile in full": ({"Pipfile": '[requires]\npython_version = "3.11"\npython_full_version = "3.11.2"'}, "3.11.2"),
    "requires-python": ({"pyproject.toml": '[project]\nrequires-python = ">=3.10, <3.14"'}, ">=3.10, <3.14"),
    "poetry": ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"'}, "^3.11"),
    "poetry, alternatives": ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~2.7 || ^3.6"'}, "~2.7 || ^3.6"),
    "poetry, any": ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "*"'}, ""),
    "setup.py": ({"setup.py": "setup(python_requires='>=3.9')"}, ">=3.9"),
    "setup.cfg": ({"setup.cfg": "[options]\npython_requires = >=3.9\n"}, ">=3.9"),
    "one version before a range": (
        {".python-version": "3.12", "pyproject.toml": '[project]\nrequires-python = ">=3.10"'}, "3.12",
    ),
    "another implementation": ({".python-version": "pypy3.10-7.3"}, ""),
    "no range at all": ({"pyproject.toml": "[project]\nrequires-python = 3"}, ""),
    "a range with a command in it": ({"pyproject.toml": '[project]\nrequires-python = ">=3; $(id)"'}, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", WANTED)
def test_the_version_is_found(case: str) -> None:
    files, wanted = WANTED[case]
    assert python_tool(manifests_of(files), {})[0] == Tool(name="python", wanted=wanted)


def test_the_settings_go_before_all_files_and_the_others_are_told() -> None:
    tool, said = python_tool(
        manifests_of({".python-version": "3.12", "runtime.txt": "python-3.11"}), {"python": "3.13"}
    )
    assert tool.wanted == "3.13"
    assert said == ("Python 3.13, says `tools.python`; it goes before .python-version (3.12), runtime.txt (3.11).",)


def test_a_file_that_names_no_version_is_told_and_the_next_is_followed() -> None:
    files = {".python-version": "shop-env", "pyproject.toml": '[project]\nrequires-python = ">=3.10"'}
    tool, said = python_tool(manifests_of(files), {})
    assert tool.wanted == ">=3.10"
    assert said[0] == ".python-version names no version of Python and is not followed."


def test_the_whole_repositorys_python_counts_for_a_folder_of_it() -> None:
    files = {".python-version": "3.12\n", "api/main.py": ""}
    assert python_tool(manifests_of(files, "api"), {})[0].wanted == "3.12"
