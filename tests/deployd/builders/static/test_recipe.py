"""Folders of files: which is served, what is told, and what the settings change."""

from itertools import pairwise

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import planned

FOLDERS = (".", "public", "dist", "build", "site", "www", "docs", "_site", "htdocs", "html", "out")


def page(folder: str) -> str:
    return "index.html" if folder == "." else f"{folder}/index.html"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_with_a_page_is_served(folder: str) -> None:
    plan = planned({page(folder): "", "README.md": ""})
    assert (plan.builder, plan.static_root, plan.spa, plan.processes) == ("static", folder, False, {})


@pytest.mark.parametrize(("first", "second"), list(pairwise(FOLDERS)))
def test_the_first_of_two_is_served_and_the_other_told(first: str, second: str) -> None:
    plan = planned({page(first): "", page(second): ""})
    assert plan.static_root == first
    assert plan.reasons[0].startswith(f"{page(first)} comes before {page(second)};")


def test_one_page_answers_for_all_only_when_told() -> None:
    assert planned({"index.html": ""}, spa=True).spa
    assert not planned({"index.html": ""}).spa


@pytest.mark.parametrize("output", ["pages", "./pages", "pages/", "pages//"])
def test_another_folder_is_served_when_told(output: str) -> None:
    assert planned({"index.html": "", "pages/home.html": ""}, output=output).static_root == "pages"


def test_a_folder_that_a_command_makes_need_not_be_there() -> None:
    plan = planned({"make.sh": ""}, output="out", build="sh make.sh", root=".")
    assert (plan.static_root, plan.steps) == ("out", ("sh make.sh",))


def test_a_folder_that_nothing_makes_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"`build\.output` is 'out', and there is no such folder"):
        planned({"index.html": ""}, output="out")


def test_a_root_and_an_output_are_put_together() -> None:
    plan = planned({"web/pages/x.html": ""}, root="web", output="pages")
    assert (plan.root, plan.static_root) == ("web", "web/pages")
