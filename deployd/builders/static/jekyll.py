"""Jekyll: a site out of _config.yml, made by the gems of the project or the host's own jekyll."""

import re

from deployd.builders.languages.gemfile import HOST_GEMS, install_gems, place_of_gems, uses_host_gems
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, tool
from deployd.domain.build import BuildPlan, Dependencies

_GEM = re.compile(r"['\"](jekyll|github-pages)['\"]")
_SOURCES = ("_posts/", "_layouts/", "_includes/")


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("_config.yml", "_config.yaml") or "web" in declared.processes:
        return None
    if _GEM.search(project.text("Gemfile")):
        return _bundled(project, declared)
    if project.has("index.md") or any(name.startswith(_SOURCES) for name in project.files):
        return _plain(project, declared)
    return None


def _bundled(project: Project, declared: Declared) -> BuildPlan:
    locked, gemfile = project.has("Gemfile.lock"), project.text("Gemfile")
    own = not uses_host_gems(gemfile)
    plan = BuildPlan(
        builder="jekyll",
        why="Jekyll: bundler installs what the Gemfile says, `jekyll build` makes a site, which the proxy serves.",
        reasons=() if own else (HOST_GEMS,),
        root=project.root,
        tools=(tool("ruby", declared.settings), tool("bundle", declared.settings)),
        dependencies=Dependencies(
            steps=(install_gems(gemfile),),
            folders=(project.path("vendor/bundle"),) if own else (),
            inputs=(project.path("Gemfile"), project.path("Gemfile.lock")),
            at=project.root,
            reusable=own and locked and "gemspec" not in gemfile,
        ),
        steps=("bundle exec jekyll build --destination _site",),
        static_root=project.path("_site"),
        env={
            **place_of_gems(gemfile),
            "JEKYLL_ENV": "production",
            **({"BUNDLE_FROZEN": "true"} if locked else {}),
        },
        kept=(project.path(".jekyll-cache"),),
    )
    return as_told(plan, declared.settings)


def _plain(project: Project, declared: Declared) -> BuildPlan:
    plan = BuildPlan(
        builder="jekyll",
        why="Jekyll: `jekyll build` makes a site, which the proxy serves.",
        reasons=("There is no Gemfile with jekyll: the host's own is used.",),
        root=project.root,
        tools=(tool("jekyll", declared.settings),),
        steps=("jekyll build --destination _site",),
        static_root=project.path("_site"),
        env={"JEKYLL_ENV": "production"},
        kept=(project.path(".jekyll-cache"),),
    )
    return as_told(plan, declared.settings)


RECIPE = Recipe(
    name="jekyll",
    title="Jekyll",
    detect=detect,
    rows=(
        Recognised(
            what="`_config.yml` and a `Gemfile` with jekyll or github-pages",
            how="`bundle install`, `bundle exec jekyll build`; the proxy serves _site/.",
        ),
        Recognised(
            what="`_config.yml` with index.md, _posts/, _layouts/ or _includes/", how="The host's `jekyll` makes it."
        ),
    ),
    marks=("_config.yml",),
)
