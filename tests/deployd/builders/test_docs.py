"""docs/builders.md says what the recipes say."""

from pathlib import Path

import pytest

from deployd.builders.detect import RECIPES
from deployd.builders.docs import COMMAND, SETTINGS, render
from deployd.domain.build import BuildSettings

_FILE = Path(__file__).resolve().parents[3] / "docs" / "builders.md"


def test_the_page_is_what_the_recipes_say() -> None:
    if _FILE.read_text(encoding="utf-8") != render():
        pytest.fail(f"docs/builders.md is not what the recipes say; write it anew: {COMMAND}")


def test_every_setting_is_on_the_page() -> None:
    assert [key for key, _, _ in SETTINGS] == list(BuildSettings.__struct_fields__)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_tells_what_it_finds_and_does(recipe: object) -> None:
    assert recipe in RECIPES
    for row in next(each for each in RECIPES if each is recipe).rows:
        assert row.what
        assert row.how
        assert "\n" not in row.what + row.how
