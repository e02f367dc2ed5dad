"""Ruby: bundler installs into the project; Rails, Sinatra or any other Rack program serves."""

import re

from deployd.builders.languages.assets import find_assets
from deployd.builders.languages.gemfile import HOST_GEMS, install_gems, place_of_gems, uses_host_gems
from deployd.builders.languages.ranges import ruby_range
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, tool
from deployd.domain.build import BuildPlan, Dependencies
from deployd.domain.errors import BuildFailed

_GEM = re.compile(r"^[ \t]*gem[ (]\s*['\"]([\w-]+)['\"]", re.M)
_LOCAL = re.compile(r"^[ \t]*gemspec\b|\bpath:\s|:path\s*=>", re.M)
_VERSION = re.compile(r"^[ \t]*ruby[ (]\s*['\"]([^'\"]+)['\"]", re.M)
_OWN_SERVERS = ("sinatra", "roda", "hanami", "grape", "cuba", "camping")
_SERVERS = ("puma", "falcon", "unicorn", "thin", "webrick")
_ENTRIES = ("app.rb", "main.rb", "server.rb", "web.rb")
_RUBY = ("bundle ", "ruby ", "rails ", "bin/rails", "puma", "rackup", "unicorn", "falcon", "rake ")
_PIPELINES = frozenset({"sprockets-rails", "sprockets", "propshaft"})
_PRECOMPILE = (
    'SECRET_KEY_BASE="${SECRET_KEY_BASE:-only-for-the-build}" SECRET_KEY_BASE_DUMMY=1 '
    "bundle exec rails assets:precompile"
)


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("Gemfile"):
        return None
    gemfile = project.text("Gemfile")
    gems = set(_GEM.findall(gemfile))
    rails = "rails" in gems and project.has("config/application.rb")
    processes = dict(declared.processes)
    if "web" not in processes:
        web = _web(project, gems, rails)
        if web is None:
            return None  # A Gemfile often only brings tools: for mobile apps, documentation, deployment.
        processes["web"] = web
    elif not (rails or project.has("config.ru") or processes["web"].startswith(_RUBY)):
        return None
    assets = find_assets(project, declared)
    reasons = (*assets.reasons, *((HOST_GEMS,) if uses_host_gems(gemfile) else ()))
    if rails and "release" not in processes and any(name.startswith("db/migrate/") for name in project.files):
        processes["release"] = "bundle exec rails db:migrate"
        reasons = (*reasons, "db/migrate/ holds migrations: they run as `release`, before traffic is switched.")
    ruby, bundle = tool("ruby", declared.settings, _wanted(project, gemfile)), tool("bundle", declared.settings)
    plan = BuildPlan(
        builder="ruby",
        why=f"Ruby: bundler installs what the Gemfile says, then `{processes['web']}`.",
        reasons=reasons,
        root=project.root,
        tools=(ruby, bundle, *assets.tools),
        dependencies=_dependencies(project, gemfile),
        steps=(*assets.steps, *((_PRECOMPILE,) if rails and gems & _PIPELINES else ())),
        processes=processes,
        env=_env(project, gemfile, rails),
    )
    return as_told(plan, declared.settings)


def _web(project: Project, gems: set[str], rails: bool) -> str | None:
    if rails:
        return "bundle exec rails server -b 127.0.0.1 -p $PORT"
    if project.has("config.ru"):
        return _rack(gems)
    entry = project.first(*_ENTRIES)
    if entry is not None and gems & set(_OWN_SERVERS):
        return f"bundle exec ruby {entry} -o 127.0.0.1 -p $PORT"
    if entry is not None and gems & set(_SERVERS):
        return f"bundle exec ruby {entry}"
    if gems & {*_OWN_SERVERS, "rack", "rails"}:
        raise BuildFailed(
            "The Gemfile names a web framework and nothing says what runs: add a config.ru, or a Procfile with a line "
            "`web: COMMAND`."
        )
    return None


def _rack(gems: set[str]) -> str:
    if "puma" in gems:
        return "bundle exec puma -b tcp://127.0.0.1:$PORT"
    if "falcon" in gems:
        return "bundle exec falcon serve --bind http://127.0.0.1:$PORT"
    if gems & {*_SERVERS, "rackup", *_OWN_SERVERS}:
        return "bundle exec rackup -o 127.0.0.1 -p $PORT"
    raise BuildFailed("Found config.ru and no server for it: add puma to the Gemfile.")


def _dependencies(project: Project, gemfile: str) -> Dependencies:
    """Gems that lie in the project itself depend on more than the Gemfile; so do those of the host."""
    own = not uses_host_gems(gemfile)
    return Dependencies(
        steps=(install_gems(gemfile),),
        folders=(project.path("vendor/bundle"),) if own else (),
        inputs=tuple(project.path(name) for name in ("Gemfile", "Gemfile.lock", ".ruby-version")),
        at=project.root,
        reusable=own and project.has("Gemfile.lock") and not _LOCAL.search(gemfile),
    )


def _env(project: Project, gemfile: str, rails: bool) -> dict[str, str]:
    env = {**place_of_gems(gemfile), "BUNDLE_WITHOUT": "development:test", "RACK_ENV": "production"}
    if project.has("Gemfile.lock"):
        env["BUNDLE_FROZEN"] = "true"
    if rails:
        env |= {"RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1", "RAILS_SERVE_STATIC_FILES": "1"}
    return env


def _wanted(project: Project, gemfile: str) -> str:
    pinned = project.text(".ruby-version").strip().removeprefix("ruby-")
    return pinned or (ruby_range(found[1]) if (found := _VERSION.search(gemfile)) else "")


RECIPE = Recipe(
    name="ruby",
    title="Ruby",
    detect=detect,
    rows=(
        Recognised(
            what="`Gemfile` with rails and config/application.rb",
            how="`bundle install`, `rails assets:precompile` where there is an asset pipeline; `rails server` serves, "
            "`rails db:migrate` runs as release.",
        ),
        Recognised(what="`Gemfile` and `config.ru`", how="puma, falcon or rackup serves, whichever the Gemfile has."),
        Recognised(what="`Gemfile` with sinatra and app.rb, main.rb, server.rb or web.rb", how="That file serves."),
        Recognised(
            what="`Gemfile` with webrick or another server and one of these files",
            how="That file serves; it must listen on $PORT.",
        ),
        Recognised(
            what="`Gemfile` without a `source`", how="The gems are the host's own (apt install ruby-rack puma…)."
        ),
    ),
    marks=("Gemfile",),
)
