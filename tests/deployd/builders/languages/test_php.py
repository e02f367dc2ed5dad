"""PHP: what serves, what composer does, and what of Heroku is left out."""

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

COMPOSER = {"composer.json": '{"require": {"php": ">=8.2"}}', "composer.lock": "{}"}

WEB: dict[str, tuple[Files, str]] = {
    "a page": ({"index.php": ""}, "php -S 127.0.0.1:$PORT -t ."),
    "public": ({"public/index.php": "", "index.php": ""}, "php -S 127.0.0.1:$PORT -t public"),
    "drupal's folder": ({**COMPOSER, "web/index.php": ""}, "php -S 127.0.0.1:$PORT -t web"),
    "laravel": (
        {**COMPOSER, "artisan": "", "public/index.php": ""},
        "php artisan serve --host=127.0.0.1 --port=$PORT --no-reload",
    ),
    "a Procfile": ({**COMPOSER, "Procfile": "web: vendor/bin/server"}, "vendor/bin/server"),
    "a Procfile of Heroku": (
        {**COMPOSER, "public/index.php": "", "Procfile": "web: vendor/bin/heroku-php-apache2 public/"},
        "php -S 127.0.0.1:$PORT -t public",
    ),
}


@pytest.mark.parametrize("case", WEB)
def test_what_serves_is_found(case: str) -> None:
    files, web = WEB[case]
    plan = planned(files)
    assert (plan.builder, plan.processes["web"]) == ("php", web)


def test_composer_installs_apart_from_what_looks_at_the_project() -> None:
    plan = planned({**COMPOSER, "index.php": ""})
    assert plan.dependencies is not None
    assert plan.dependencies.steps[0].endswith("--no-scripts --no-autoloader")
    assert (plan.dependencies.folders, plan.dependencies.reusable) == (("vendor",), True)
    assert plan.steps == ("composer dump-autoload --no-dev --no-interaction --optimize",)
    assert [(tool.name, tool.wanted) for tool in plan.tools] == [("php", ">=8.2"), ("composer", "")]


def test_without_composer_nothing_is_installed() -> None:
    plan = planned({"index.php": ""})
    assert (plan.dependencies, plan.steps, [tool.name for tool in plan.tools]) == (None, (), ["php"])


def test_without_a_lockfile_packages_are_not_taken_over() -> None:
    plan = planned({"composer.json": '{"require": []}', "index.php": ""})
    assert plan.dependencies is not None
    assert not plan.dependencies.reusable


def test_what_was_decided_is_told() -> None:
    files = {**COMPOSER, "public/index.php": "", "Procfile": "web: vendor/bin/heroku-php-nginx public/"}
    reasons = planned(files).reasons
    assert any("needs Heroku's own servers" in reason for reason in reasons)
    assert any("PHP's own server serves" in reason for reason in reasons)


def test_the_front_end_is_built_after_composer() -> None:
    files = {**COMPOSER, "artisan": "", "package.json": package(scripts={"build": "vite build"})}
    assert planned(files).steps[0].startswith("composer dump-autoload")
    assert planned(files).steps[2] == "npm run build"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"composer.json": "{}"}, "composer.json is here and no index.php"),
        ({"composer.json": "{", "index.php": ""}, "composer.json cannot be read"),
    ],
)
def test_what_cannot_serve_is_refused(files: Files, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)


def test_a_page_of_php_beside_another_server_is_not_ours() -> None:
    assert planned({"index.php": "", "Procfile": "web: ./serve"}).builder == "procfile"


def test_settings_win() -> None:
    plan = planned({**COMPOSER, "index.php": ""}, install="", build="", start="php x.php")
    assert (plan.dependencies, plan.steps, plan.processes) == (None, (), {"web": "php x.php"})
    assert planned({**COMPOSER, "index.php": ""}, output="out").static_root == "out"
