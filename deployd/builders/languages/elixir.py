"""Elixir: mix makes a release, which needs nothing else to run; Phoenix' assets are built before it."""

import re

from deployd.builders.languages.assets import find_assets
from deployd.builders.languages.ranges import ruby_range
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, tool
from deployd.domain.build import BuildPlan, Dependencies
from deployd.domain.errors import BuildFailed

_RELEASE = ".deployd/release"
_APP = re.compile(r"\bapp:\s*:(\w+)")
_RELEASES = re.compile(r"\breleases:\s*\[\s*(?::?\"?)(\w+)")
_ELIXIR = re.compile(r"\belixir:\s*\"([^\"]+)\"")
_DEPENDENCY = re.compile(r"\{\s*:\w+\s*,")
_UMBRELLA = re.compile(r"\bapps_path:")
_SETUP = "mix local.hex --force --if-missing && mix local.rebar --force --if-missing"
# Two instances of one release on a host would have the same name in Erlang's network, and the second would not start.
_ENV = {"MIX_ENV": "prod", "LANG": "C.UTF-8", "RELEASE_DISTRIBUTION": "none"}
_SECRET = "Phoenix asks for SECRET_KEY_BASE at its start (`mix phx.gen.secret` makes one) and mostly for PHX_HOST."


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if not project.has("mix.exs"):
        return None
    manifest = project.text("mix.exs")
    processes = dict(declared.processes)
    steps = ["mix compile"]
    if "assets.deploy" in manifest:
        steps.append("mix assets.deploy")
    if "web" not in processes:
        steps.append(_release(manifest))
        processes["web"] = f"{_RELEASE}/bin/{_name(manifest)} start"
    assets = find_assets(project, declared)
    phoenix = ":phoenix," in manifest
    used = any("_build" in command or "mix " in command for command in processes.values())
    plan = BuildPlan(
        builder="elixir",
        why=f"Elixir: mix compiles it, then `{processes['web']}`.",
        reasons=(*assets.reasons, *((_SECRET,) if phoenix else ())),
        root=project.root,
        tools=(tool("mix", declared.settings, _wanted(manifest)), *assets.tools),
        dependencies=_dependencies(project),
        steps=(*assets.steps, *steps),
        processes=processes,
        env={**_ENV, **({"PHX_SERVER": "true"} if phoenix else {})},
        kept=() if used else (project.path("_build"),),
    )
    return as_told(plan, declared.settings)


def _release(manifest: str) -> str:
    """Mix takes a name only where `releases` has it, and needs none for the app's own release."""
    name = f"{found[1]} " if (found := _RELEASES.search(manifest)) else ""
    return f"mix release {name}--overwrite --path {_RELEASE}"


def _name(manifest: str) -> str:
    found = _RELEASES.search(manifest) or _APP.search(manifest)
    if found is None:
        what = "is an umbrella without `releases`" if _UMBRELLA.search(manifest) else "names no `app`"
        raise BuildFailed(f"mix.exs {what}: add `releases` with one name, or say `build.start`.")
    return found[1]


def _wanted(manifest: str) -> str:
    return ruby_range(found[1]) if (found := _ELIXIR.search(manifest)) else ""


def _dependencies(project: Project) -> Dependencies | None:
    """None when no part of the project asks for any: Hex, which brings them, is then not fetched either."""
    manifests = [name for name in project.files if name == "mix.exs" or re.fullmatch(r"apps/[^/]+/mix\.exs", name)]
    if not project.has("mix.lock") and not any(_DEPENDENCY.search(project.text(name)) for name in manifests):
        return None
    return Dependencies(
        steps=(_SETUP, "mix deps.get --only prod"),
        folders=(project.path("deps"),),
        inputs=(project.path("mix.exs"), project.path("mix.lock")),
        at=project.root,
        reusable=project.has("mix.lock") and not project.has("apps"),
        on_reuse=(_SETUP,),
    )


RECIPE = Recipe(
    name="elixir",
    title="Elixir",
    detect=detect,
    rows=(
        Recognised(
            what="`mix.exs`",
            how="`mix deps.get`, `mix compile`, `mix assets.deploy` where it is defined, `mix release`; the release "
            "serves, for Phoenix with PHX_SERVER set.",
        ),
    ),
    marks=("mix.exs",),
)
