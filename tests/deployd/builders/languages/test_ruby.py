"""Ruby: which Gemfile belongs to a server, what serves, what is installed and built."""

import pytest

from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

SOURCE = 'source "https://gems.example.org"\n'
RAILS = {
    "Gemfile": SOURCE + "ruby '3.3.0'\ngem 'rails', '~> 7'\ngem 'propshaft'\ngem 'puma'",
    "config/application.rb": "",
}
SINATRA = {"Gemfile": SOURCE + 'gem "sinatra"\ngem "puma"', "app.rb": ""}

WEB: dict[str, tuple[Files, str]] = {
    "rails": (RAILS, "bundle exec rails server -b 127.0.0.1 -p $PORT"),
    "puma": ({"Gemfile": "gem 'puma'", "config.ru": ""}, "bundle exec puma -b tcp://127.0.0.1:$PORT"),
    "falcon": ({"Gemfile": "gem 'falcon'", "config.ru": ""}, "bundle exec falcon serve --bind http://127.0.0.1:$PORT"),
    "rackup": ({"Gemfile": "gem 'rackup'", "config.ru": ""}, "bundle exec rackup -o 127.0.0.1 -p $PORT"),
    "sinatra": (SINATRA, "bundle exec ruby app.rb -o 127.0.0.1 -p $PORT"),
    "webrick": ({"Gemfile": "gem 'webrick'", "server.rb": ""}, "bundle exec ruby server.rb"),
    "a Procfile": ({**SINATRA, "Procfile": "web: bundle exec puma"}, "bundle exec puma"),
    "a Procfile of rails": ({**RAILS, "Procfile": "web: bin/start"}, "bin/start"),
}


@pytest.mark.parametrize("case", WEB)
def test_what_serves_is_found(case: str) -> None:
    files, web = WEB[case]
    plan = planned(files)
    assert (plan.builder, plan.processes["web"]) == ("ruby", web)


REFUSED: dict[str, tuple[Files, str]] = {
    "no server": ({"Gemfile": "gem 'rack'", "config.ru": ""}, "Found config.ru and no server for it: add puma"),
    "no entry": ({"Gemfile": "gem 'sinatra'"}, "names a web framework and nothing says what runs"),
    "only tools": ({"Gemfile": "gem 'fastlane'"}, "Nothing here says how to run"),
    "only tools, and a Procfile": ({"Gemfile": "gem 'x'", "Procfile": "a"}, "Line 1 of Procfile"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_serve_is_refused(case: str) -> None:
    files, sentence = REFUSED[case]
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)


def test_a_gemfile_of_tools_does_not_take_a_command_of_another_kind() -> None:
    assert planned({"Gemfile": "gem 'fastlane'", "Procfile": "web: ./serve"}).builder == "procfile"


def test_rails_builds_assets_and_migrates_before_the_switch() -> None:
    plan = planned({**RAILS, "db/migrate/1_a.rb": ""})
    assert plan.steps[-1].endswith("bundle exec rails assets:precompile")
    assert plan.processes["release"] == "bundle exec rails db:migrate"
    assert plan.env["RAILS_ENV"] == "production"
    assert plan.tools[0].wanted == "3.3.0"


def test_a_release_of_the_projects_own_is_kept() -> None:
    plan = planned({**RAILS, "db/migrate/1_a.rb": "", "Procfile": "release: ./migrate"})
    assert plan.processes["release"] == "./migrate"


def test_rails_without_migrations_or_assets_has_neither() -> None:
    plan = planned({"Gemfile": "gem 'rails'", "config/application.rb": ""})
    assert (plan.steps, "release" in plan.processes) == ((), False)


@pytest.mark.parametrize(
    ("files", "reusable"),
    [
        ({"Gemfile.lock": ""}, True),
        ({}, False),
        ({"Gemfile.lock": "", "Gemfile": SINATRA["Gemfile"] + "\ngemspec"}, False),
    ],
)
def test_gems_are_taken_over_when_the_lockfile_says_all(files: Files, reusable: bool) -> None:
    plan = planned({**SINATRA, **files})
    assert plan.dependencies is not None
    assert (plan.dependencies.reusable, plan.dependencies.folders) == (reusable, ("vendor/bundle",))
    assert ("BUNDLE_FROZEN" in plan.env) is ("Gemfile.lock" in files)


def test_without_a_source_the_gems_are_the_hosts_own() -> None:
    plan = planned({"Gemfile": "gem 'puma'", "Gemfile.lock": "", "config.ru": ""})
    assert plan.dependencies is not None
    assert (plan.dependencies.steps, plan.dependencies.folders) == (("bundle check",), ())
    assert (plan.dependencies.reusable, "BUNDLE_PATH" in plan.env) == (False, False)
    assert "The Gemfile names no source, so the gems are this host's own." in plan.reasons


@pytest.mark.parametrize(
    "gemfile",
    [SOURCE, "source('https://gems.example.com')", "gem 'a', git: 'https://h/a'", "gem 'a', :github => 'a/a'"],
)
def test_with_a_source_they_are_installed_into_the_project(gemfile: str) -> None:
    plan = planned({"Gemfile": f"{gemfile}\ngem 'puma'", "config.ru": ""})
    assert plan.dependencies is not None
    assert plan.dependencies.steps == ("bundle install --jobs 4 --retry 2",)
    assert plan.env["BUNDLE_PATH"] == "vendor/bundle"


def test_the_version_file_wins_over_the_gemfile() -> None:
    assert planned({**RAILS, ".ruby-version": "ruby-3.2.2\n"}).tools[0].wanted == "3.2.2"


def front(lock: str, **scripts: str) -> BuildPlan:
    return planned({**SINATRA, "package.json": package(scripts=scripts), lock: ""})


@pytest.mark.parametrize(
    ("lock", "steps", "tools"),
    [
        ("package-lock.json", ("npm ci --include=dev --no-audit --no-fund", "npm run build"), ["node"]),
        ("pnpm-lock.yaml", ("pnpm install --frozen-lockfile --prod=false", "pnpm run build"), ["node", "pnpm"]),
        ("yarn.lock", ("yarn install", "yarn run build"), ["node", "yarn"]),
        ("bun.lock", ("bun install --frozen-lockfile", "bun run build"), ["node", "bun"]),
        ("x", ("npm install --include=dev --no-package-lock --no-audit --no-fund", "npm run build"), ["node"]),
    ],
)
def test_the_front_end_is_built_first_and_its_packages_go(lock: str, steps: tuple[str, ...], tools: list[str]) -> None:
    plan = front(lock, build="esbuild")
    assert plan.steps == (*steps, "rm -rf node_modules")
    assert [tool.name for tool in plan.tools] == ["ruby", "bundle", *tools]


def test_a_package_json_without_a_build_is_left_alone() -> None:
    plan = front("x", lint="x")
    assert (plan.steps, plan.reasons) == ((), ("package.json has no `build` script, so it is left alone.",))


def test_a_broken_package_json_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"package\.json cannot be read"):
        planned({**SINATRA, "package.json": "{"})
