"""Requirements files: which one counts, what they include, and whether they name every version."""

import pytest

from deployd.builders.python.requirement_files import find_requirements, read_requirements
from tests.deployd.builders.python.plans import project_of

CHOSEN = [
    (("requirements.txt", "requirements/production.txt"), "requirements.txt"),
    (("requirements/base.txt", "requirements/production.txt", "requirements/dev.txt"), "requirements/production.txt"),
    (("requirements/base.txt", "requirements/dev.txt"), "requirements/base.txt"),
    (("requirements-dev.txt", "requirements-prod.txt"), "requirements-prod.txt"),
    (("requirements-gpu.txt", "requirements-test.txt"), "requirements-gpu.txt"),
    (("requirements-dev.txt", "requirements_test.txt", "docs/requirements.txt"), None),
    (("other.txt",), None),
]


@pytest.mark.parametrize(("names", "chosen"), CHOSEN)
def test_the_file_for_production_is_chosen(names: tuple[str, ...], chosen: str | None) -> None:
    assert find_requirements(project_of(dict.fromkeys(names, ""))) == chosen


PINNED = [
    ("flask==3.1.3\n# why\ngunicorn[gevent] == 23.0 ; python_version > '3' # why\n", True),
    ("flask==3.1.3 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n", True),
    ("--index-url https://packages.example.com/simple\nflask==3.1.3\n", True),
    ("\ufeffflask===3.1.3\r\ngunicorn==23.0\r\n", True),
    ("", True),
    ("flask==3.1.3\ngunicorn\n", False),
    ("flask==3.*\n", False),
    ("flask>=3\n", False),
    ("-e .\n", False),
    ("./libs/shop\n", False),
    ("shop @ git+https://example.com/shop@main\n", False),
    ("https://example.com/shop-1-py3-none-any.whl\n", False),
]


@pytest.mark.parametrize(("text", "pinned"), PINNED)
def test_only_lines_that_name_one_version_are_pinned(text: str, pinned: bool) -> None:
    assert read_requirements(project_of({"requirements.txt": text}), "requirements.txt").pinned is pinned


def test_included_files_count_and_constraints_ask_for_nothing() -> None:
    files = {
        "requirements/production.txt": "-r base.txt\n--constraint=../limits.txt\ngunicorn==23.0.0\n",
        "requirements/base.txt": "-rmore.txt\nflask>=3\n-r production.txt\n",
        "requirements/more.txt": "idna==3.10\n",
        "limits.txt": "click<9\n",
    }
    found = read_requirements(project_of(files), "requirements/production.txt")
    assert set(found.files) == set(files)
    assert set(found.lines) == {"gunicorn==23.0.0", "flask>=3", "idna==3.10"}
    assert not found.pinned


def test_a_file_that_is_missing_is_an_input_all_the_same() -> None:
    found = read_requirements(project_of({"requirements.txt": "-r gone.txt"}), "requirements.txt")
    assert found.files == ("requirements.txt", "gone.txt")


def test_a_file_outside_the_folder_that_is_built_is_found_in_the_repository() -> None:
    files = {"api/requirements.txt": "-r ../shared.txt\n", "shared.txt": "flask\n"}
    found = read_requirements(project_of(files, "api"), "requirements.txt")
    assert (found.files, found.lines) == (("api/requirements.txt", "shared.txt"), ("flask",))
