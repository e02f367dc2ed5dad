"""PHP: composer installs; Laravel's artisan or PHP's own server serves."""

import re

import msgspec

from deployd.builders.languages.assets import find_assets
from deployd.builders.languages.ranges import composer_range
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, tool
from deployd.domain.build import BuildPlan, BuildSettings, Dependencies, Tool
from deployd.domain.errors import BuildFailed

_ROOTS = ("public", "web", "htdocs", "www", ".")
_HEROKU = re.compile(r"heroku-php-\w+")
_OWN_SERVER = "PHP's own server serves: good for small sites, for big ones bring a server of your own in a Procfile."
_COMPOSER = "composer install --no-dev --no-interaction --no-progress --prefer-dist --no-scripts --no-autoloader"
_AUTOLOAD = "composer dump-autoload --no-dev --no-interaction --optimize"


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    # PHP writes an empty map as [].
    require: dict[str, str] | list[str] = {}


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    composer = project.has("composer.json")
    folder = next((root for root in _ROOTS if project.has(_index(root))), None)
    if not composer and folder is None:
        return None
    processes, reasons = dict(declared.processes), []
    if _HEROKU.search(processes.get("web", "")):
        reasons.append(f"`{processes.pop('web')}` of the Procfile needs Heroku's own servers, which are not here.")
    if "web" in processes and not composer and "php" not in processes["web"]:
        return None
    if "web" not in processes and declared.settings.output is None:
        processes["web"] = _web(project, folder)
        reasons.append(_OWN_SERVER)
    assets = find_assets(project, declared)
    plan = BuildPlan(
        builder="php",
        why=f"PHP: {'composer installs, then ' if composer else ''}`{processes.get('web', '')}`.",
        reasons=(*reasons, *assets.reasons),
        root=project.root,
        tools=(*_tools(project, declared.settings, composer), *assets.tools),
        dependencies=_dependencies(project) if composer else None,
        steps=(*((_AUTOLOAD,) if composer else ()), *assets.steps),
        processes=processes,
        env={"PHP_CLI_SERVER_WORKERS": "4"},
    )
    return as_told(plan, declared.settings)


def _index(root: str) -> str:
    return "index.php" if root == "." else f"{root}/index.php"


def _web(project: Project, folder: str | None) -> str:
    if project.has("artisan"):
        return "php artisan serve --host=127.0.0.1 --port=$PORT --no-reload"
    if folder is None:
        raise BuildFailed(
            "composer.json is here and no index.php (at the top, in public/ or in web/): add one, or a Procfile with a "
            "line `web: COMMAND`."
        )
    return f"php -S 127.0.0.1:$PORT -t {folder}"


def _tools(project: Project, settings: BuildSettings, composer: bool) -> tuple[Tool, ...]:
    php = tool("php", settings, _wanted(project))
    return (php, tool("composer", settings)) if composer else (php,)


def _wanted(project: Project) -> str:
    text = project.text("composer.json").lstrip("\ufeff")
    try:
        manifest = msgspec.json.decode(text, type=_Manifest) if text else _Manifest()
    except msgspec.DecodeError as error:
        raise BuildFailed(f"{project.path('composer.json')} cannot be read: {error}.") from error
    return composer_range(manifest.require.get("php", "")) if isinstance(manifest.require, dict) else ""


def _dependencies(project: Project) -> Dependencies:
    """Without scripts and autoloader, which look at the project itself: those are made after it, each time."""
    return Dependencies(
        steps=(_COMPOSER,),
        folders=(project.path("vendor"),),
        inputs=(project.path("composer.json"), project.path("composer.lock")),
        at=project.root,
        reusable=project.has("composer.lock"),
    )


RECIPE = Recipe(
    name="php",
    title="PHP",
    detect=detect,
    rows=(
        Recognised(what="`composer.json`", how="`composer install --no-dev`, as composer.lock says if there is one."),
        Recognised(what="`artisan` (Laravel)", how="`php artisan serve` serves."),
        Recognised(
            what="`index.php` in public/, web/, htdocs/, www/ or at the top", how="`php -S` serves that folder."
        ),
    ),
    marks=("composer.json", "index.php", "public/index.php"),
)
