"""Jekyll sites, with the gems of the project or the host's own jekyll."""

import pytest

from tests.deployd.builders.projects import Files, planned


def test_gems_are_installed_and_make_the_site() -> None:
    files = {"_config.yml": "", "Gemfile": 'source "https://gems.example.org"\ngem "github-pages"', "Gemfile.lock": ""}
    plan = planned(files)
    assert (plan.builder, plan.static_root, plan.kept) == ("jekyll", "_site", (".jekyll-cache",))
    assert plan.steps == ("bundle exec jekyll build --destination _site",)
    assert plan.dependencies is not None
    assert (plan.dependencies.folders, plan.dependencies.reusable) == (("vendor/bundle",), True)
    assert [tool.name for tool in plan.tools] == ["ruby", "bundle"]


def test_without_a_lockfile_gems_are_not_taken_over() -> None:
    plan = planned({"_config.yml": "", "Gemfile": "gem 'jekyll', '~> 4'"})
    assert plan.dependencies is not None
    assert (plan.dependencies.reusable, "BUNDLE_FROZEN" in plan.env) == (False, False)


def test_gems_without_a_source_are_the_hosts_own() -> None:
    plan = planned({"_config.yml": "", "Gemfile": "gem 'jekyll'", "Gemfile.lock": ""})
    assert plan.dependencies is not None
    assert (plan.dependencies.steps, plan.dependencies.reusable) == (("bundle check",), False)
    assert "BUNDLE_PATH" not in plan.env


@pytest.mark.parametrize("source", ["index.md", "_posts/2024-01-01-a.md", "_layouts/default.html"])
def test_without_gems_the_jekyll_of_the_host_is_asked_for(source: str) -> None:
    plan = planned({"_config.yml": "", source: ""})
    assert ([tool.name for tool in plan.tools], plan.steps) == (["jekyll"], ("jekyll build --destination _site",))


OTHERS: dict[str, tuple[Files, str]] = {
    "only a configuration beside a page": ({"_config.yml": "", "index.html": ""}, "static"),
    "a web process": ({"_config.yml": "", "Gemfile": "gem 'jekyll'", "Procfile": "web: ./x"}, "procfile"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_site_is_left_alone(case: str) -> None:
    files, builder = OTHERS[case]
    assert planned(files).builder == builder
